"""Runs a cell of a published bench again, and compares the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganzoo.benchmark.cell import Cell, cell_of_tables
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.configuration.layers import did_you_mean
from ganzoo.errors import ConfigError, UnknownNameError
from ganzoo.metric import Score

Verdict = Literal["same bits", "within the interval", "not reproduced"]


@dataclass(frozen=True)
class Comparison:
    """A published score beside the new one."""

    name: str
    subject: str
    published: float
    low: float | None
    high: float | None
    again: float | None

    @property
    def verdict(self) -> Verdict:
        if self.again == self.published:
            return "same bits"
        known = self.again is not None and self.low is not None and self.high is not None
        inside = known and self.low <= self.again <= self.high  # type: ignore[operator]
        return "within the interval" if inside else "not reproduced"


def published_record(bench: BenchFolder, row: str, seed: int, dataset: str | None = None) -> FinishedRecord:
    """The finished cell of a row. Raises UnknownNameError or ConfigError if there is none with a score."""
    bench.suite()  # which says so if it is not a bench
    records = list(bench.all_results().finished.values())
    rows = dict.fromkeys(record.label for record in records)
    if row not in rows:
        raise UnknownNameError(f"{bench.path} has no finished row {row!r}{did_you_mean(row, rows)}")
    found = [each for each in records if each.label == row and dataset in (None, each.dataset)]
    datasets = sorted({each.dataset for each in found})
    if len(datasets) > 1:
        raise ConfigError(f"the row {row} was measured on {', '.join(datasets)}; name one with --dataset")
    same = [each for each in found if each.seed == seed]
    if not same:
        seeds = ", ".join(str(each.seed) for each in found) or "none"
        raise ConfigError(f"--seed {seed}: {bench.path} has no such cell of {row}; its seeds are {seeds}")
    if all(score.value is None for score in same[-1].scores):
        raise ConfigError(
            f"{row}, seed {seed}, was published without a score, so there is nothing to compare; name another row, or "
            "publish a bench that measured something"
        )
    return same[-1]


def cell_of_record(record: FinishedRecord, bench: BenchFolder) -> Cell:
    """The cell with the settings of a record. Raises ConfigError if the record holds none."""
    if not record.settings.get("run"):
        raise ConfigError(
            f"{bench.results_file} does not hold the settings of {record.cell}, so it cannot be run again"
        )
    return cell_of_tables({"cell": record.to_json(), **record.settings}, bench.results_file)


def threads_of(record: FinishedRecord) -> int:
    """The CPU threads with which the cell was run."""
    threads = record.environment.get("cpu_threads")
    return threads if isinstance(threads, int) and threads > 0 else 1


def compare(published: FinishedRecord, again: FinishedRecord) -> list[Comparison]:
    """Every score that was published with a value."""
    new = {(score.name, score.subject): score.value for score in again.scores}
    return [
        _compared(score, new.get((score.name, score.subject))) for score in published.scores if score.value is not None
    ]


def overall(comparisons: Sequence[Comparison]) -> Verdict:
    """The weakest verdict."""
    verdicts = {each.verdict for each in comparisons}
    if "not reproduced" in verdicts or not verdicts:
        return "not reproduced"
    return "within the interval" if "within the interval" in verdicts else "same bits"


def differences(published: FinishedRecord, again: FinishedRecord) -> list[str]:
    """What differs besides the scores, in words: data, code, device, threads."""
    said = [] if published.dataset_card == again.dataset_card else ["the data differ: their cards are not equal"]
    said += [] if published.code == again.code else [f"code: {published.code} then, {again.code} now"]
    for key in ("device", "cpu_threads", "precision", "torch"):
        then, now = published.environment.get(key), again.environment.get(key)
        said += [] if then == now else [f"{key}: {then} then, {now} now"]
    return said


def _compared(score: Score, again: float | None) -> Comparison:
    assert score.value is not None
    return Comparison(score.name, score.subject, score.value, score.low, score.high, again)


def default_folder(record: FinishedRecord) -> Path:
    return Path("reproduced") / record.cell
