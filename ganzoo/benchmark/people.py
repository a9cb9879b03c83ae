"""Scores of a visual Turing test in the table of a bench: they belong to the cell whose run made the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.results import Results
from ganzoo.turing.pools import training_hash
from ganzoo.turing.rows import SourceScores


def with_people(results: Results, sources: Sequence[SourceScores]) -> tuple[Results, list[str]]:
    """The results with the scores of each source added to the cells with the same training, and the sources that are
    from no cell."""
    finished: dict[str, FinishedRecord] = {}
    found: set[str] = set()
    for cell, record in results.finished.items():
        training = _training(record)
        own = [each for each in sources if training is not None and each.training == training]
        scores = [*record.scores, *(score for each in own for score in each.scores)]
        finished[cell] = record.model_copy(update={"scores": scores}) if own else record
        found.update(each.source for each in own)
    return replace(results, finished=finished), [each.source for each in sources if each.source not in found]


def _training(record: FinishedRecord) -> str | None:
    """Which training the cell ran; None for a record that does not hold its settings."""
    tables = record.settings
    if not all(isinstance(tables.get(name), dict) for name in ("run", "method", "train")):
        return None
    return training_hash(tables)
