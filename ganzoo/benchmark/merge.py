"""Joins the benches of two places in a new folder.

A cell is the same in both if its settings and its seed are. Scores are compared as in any bench: those whose cards
differ, because the machines measured them differently, carry letters and are never averaged or ranked together.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.record import FailureRecord, FinishedRecord, Record, record_from_json
from ganzoo.benchmark.results import append, result_of
from ganzoo.benchmark.suite import Suite
from ganzoo.errors import ConfigError, GanzooError
from ganzoo.files import strict_json

KEPT = ("cell.toml", "result.json", "run/run.toml", "run/curves.png", "run/samples/last.png")
"""The files of a cell that a report shows or that say how to run it again. Weights stay where they are."""


@dataclass(frozen=True)
class Merged:
    """What came together."""

    cells: tuple[int, ...]  # finished cells that each bench contributes
    twice: int  # cells that several benches have, with the same values
    disagree: tuple[str, ...]  # cells that several have, with other values: the first bench's are kept


def merge(benches: Sequence[BenchFolder], out: BenchFolder) -> Merged:
    """Write a new bench folder with the cells of all. Raises ConfigError if they are not of the same suite."""
    if out.path.exists() and any(out.path.iterdir()):
        raise ConfigError(f"--out {out.path} is not empty; give a new folder for the merged bench")
    suites = [bench.suite() for bench in benches]
    for bench, suite in zip(benches[1:], suites[1:], strict=True):
        _check_same(benches[0], suites[0], bench, suite)
    out.open(_joined(suites), benches[0].threads() or 1)
    known: dict[str, FinishedRecord] = {}
    counts, twice, disagree = [], 0, []
    failures: dict[str, Mapping[str, Any]] = {}
    for bench in benches:
        counts.append(0)
        for record, document in _records(bench):
            first = known.get(record.cell)
            if isinstance(record, FailureRecord):
                failures[record.cell] = document
            elif first is None:
                known[record.cell] = record
                append(out.results_file, document)
                _copy(bench.path / "cells" / Path(record.cell).name, out.path / "cells" / Path(record.cell).name)
                counts[-1] += 1
            elif _values(first) == _values(record):
                twice += 1
            else:
                disagree.append(record.cell)
    for cell, document in failures.items():
        if cell not in known:
            append(out.results_file, document)
    for bench in benches:
        _copy_steps(bench.path / "steps", out.path / "steps")
    return Merged(tuple(counts), twice, tuple(disagree))


def _check_same(first: BenchFolder, suite: Suite, other: BenchFolder, its: Suite) -> None:
    if suite.name != its.name:
        raise ConfigError(
            f"{other.path} holds a bench of the suite {its.name!r}, but {first.path} of {suite.name!r}; only benches "
            "of the same suite can be merged"
        )
    for what in ("images", "steps", "seconds", "metric", "metric_seeds", "train", "evaluate"):
        if getattr(suite, what) != getattr(its, what):
            raise ConfigError(
                f"{first.path} and {other.path} differ in {what}: {getattr(suite, what)!r} and {getattr(its, what)!r}; "
                "only benches with the same budget, training and metrics can be merged"
            )


def _joined(suites: Sequence[Suite]) -> Suite:
    """The first suite, with the further rows, datasets and seeds of the others."""
    first, others = suites[0], suites[1:]
    methods, datasets = dict(first.methods), dict(first.datasets)
    for other in others:
        methods |= {label: entry for label, entry in other.methods.items() if label not in methods}
        datasets |= {label: entry for label, entry in other.datasets.items() if label not in datasets}
    seeds = max(suite.seeds for suite in suites)
    return first.model_copy(update={"methods": methods, "datasets": datasets, "seeds": seeds})


def _records(bench: BenchFolder) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    """The last record of each cell, with the document as the cell wrote it; finished ones count before failures."""
    found: dict[str, tuple[Record, Mapping[str, Any]]] = {}
    for record, document in _lines(bench.results_file):
        if not (isinstance(record, FailureRecord) and record.cell in found):
            found[record.cell] = (record, document)
    for place in sorted(bench.path.glob("cells/*")):
        finished = result_of(place)  # of a bench that was left, and never collected it
        if finished is not None and not isinstance(found.get(finished[0].cell, (None,))[0], FinishedRecord):
            found[finished[0].cell] = finished
    yield from found.values()


def _lines(file: Path) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    except OSError as error:
        raise GanzooError(f"{file} cannot be read: {error.strerror}") from error
    for line in lines:
        try:
            document = strict_json.parse(line)
            yield record_from_json(document), document
        except (ValueError, TypeError):  # damaged: the report of that bench says so
            continue


def _values(record: FinishedRecord) -> list[dict[str, Any]]:
    return [score.to_json() for score in record.scores]


def _copy(place: Path, to: Path) -> None:
    try:
        for name in KEPT:
            if (place / name).is_file():
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(place / name, to / name)
    except OSError as error:
        raise GanzooError(f"{to} cannot be written: {error.strerror}") from error


def _copy_steps(place: Path, to: Path) -> None:
    for file in sorted(place.glob("*.json")):
        if not (to / file.name).exists():
            to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to / file.name)
