"""The rows of a table, made from the records of cells: one for each method, settings and version of the code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ganzoo.benchmark.record import FailureRecord, FinishedRecord, Record
from ganzoo.benchmark.results import Results
from ganzoo.benchmark.statistics import SIGNIFICANT, holm, mean_interval, paired_p
from ganzoo.metric import Score

Cost = Literal[
    "step", "updates", "images_drawn", "budget_seconds", "training_seconds", "evaluation_seconds", "images_per_second",
    "parameters",
]  # fmt: skip


@dataclass
class SeedEstimate:
    """One score of one row over its seeds, all measured with the same card."""

    values: dict[int, float]  # by seed
    card: str  # hash of the card without seeds: only estimates with the same card are compared
    mean: float
    half: float | None  # of the 95 % t-interval over seeds; None for one seed
    low: float | None  # 95 % interval over people or images, averaged over seeds
    high: float | None
    profiles: dict[str, list[tuple[float, float]]]  # quantity -> (middle of a bin, mean over seeds)
    difference: float | None = None  # from the reference: mean over the seeds of both
    difference_half: float | None = None  # of its 95 % t-interval
    p: float | None = None  # against the reference, Holm-corrected within the column
    better: bool | None = None  # than the reference; None if there is no reference
    best: bool = False  # significantly better than all others in its column

    @property
    def significant(self) -> bool:
        return self.p is not None and self.p < SIGNIFICANT


@dataclass
class ScoreColumn:
    name: str
    unit: str
    better: str


@dataclass
class Row:
    label: str
    rival: bool  # measured by the metrics themselves, in the cells of all methods
    oracle: bool
    role: str
    method: str
    preset: str
    settings_hash: str
    code: str
    records: list[FinishedRecord] = field(default_factory=list)  # finished cells, by seed
    failures: dict[int, str] = field(default_factory=dict)  # seed -> reason
    declined: str = ""  # why the method does not run on these data
    scores: dict[str, list[SeedEstimate]] = field(default_factory=dict)
    shown: str = ""  # the label, with a suffix that makes it unique
    networks: int = 1  # of an ensemble
    ensemble_of: tuple[str, ...] = ()  # labels of the rows that it averages

    @property
    def candidate(self) -> bool:
        """Whether the row may be marked as the best."""
        return not self.oracle and self.role != "floor"

    def mean(self, cost: Cost) -> float | None:
        """The mean over seeds of a cost."""
        values = [value for record in self.records if (value := getattr(record, cost)) is not None]
        return sum(values) / len(values) if values and not self.rival else None

    def memory_mb(self) -> float | None:
        """The highest peak over seeds: GPU memory if a GPU was used, else host memory."""
        peaks = [record.peak_memory_mb or {} for record in self.records]
        found = [peak.get("gpu", peak.get("host")) for peak in peaks]
        return max((each for each in found if each is not None), default=None) if not self.rival else None


@dataclass
class ResultTable:
    """The rows and columns of one dataset."""

    dataset: str
    columns: list[ScoreColumn]
    rows: list[Row]
    reference: str


def comparisons(results: Results, reference: str, labels: Sequence[str], datasets: Sequence[str]) -> list[ResultTable]:
    """A table for each dataset. Rows are in the order of `labels`; all others follow."""
    records: list[Record] = [*results.finished.values(), *results.failed.values()]
    found = list(dict.fromkeys(record.dataset for record in records))
    made = []
    for dataset in sorted(found, key=_order(datasets)):
        here = [record for record in records if record.dataset == dataset]
        place = _order(labels)  # not the order in which the cells finished
        here.sort(key=lambda record: (record.seed, place(record.label), record.cell))
        rows = _rows(here)
        columns = _columns(here)
        for row in rows:
            row.scores = {column.name: _estimates(row, column.name) for column in columns}
        rows = [row for row in rows if not row.rival or any(row.scores.values())]
        rows.sort(key=lambda row: (not row.rival, row.rival and row.label == reference, _order(labels)(row.label)))
        for column in columns:
            _test(column, rows, reference)
        _name_apart(rows)
        made.append(ResultTable(dataset, columns, rows, reference))
    return made


def comparable_card(card: Any, seeds: Iterable[str]) -> Any:
    """The card without the seeds, which differ between the cells of a row by design."""
    if isinstance(card, dict):
        return {key: comparable_card(value, seeds) for key, value in card.items() if key not in seeds}
    if isinstance(card, list):
        return [comparable_card(value, seeds) for value in card]
    return card


def _rows(records: Sequence[Record]) -> list[Row]:
    """Rows of methods, and rows of the rivals that metrics measured in the same cells."""
    rows: dict[tuple[str, ...], Row] = {}
    for record in records:
        key: tuple[str, ...] = ("method", record.label, record.settings_hash, record.code)
        if isinstance(record, FailureRecord):  # the version of the code does not matter: the same row failed
            same = [other for other in rows if other[:3] == key[:3]]
            key = same[0] if same else key
        if key not in rows:
            rows[key] = _method_row(record)
        if isinstance(record, FailureRecord):
            if record.declined:
                rows[key].declined = record.failed
            else:
                rows[key].failures[record.seed] = record.failed
            continue
        rows[key].records.append(record)
        for subject in dict.fromkeys(score.subject for score in record.scores):
            if subject != "method":
                rival = ("rival", subject, record.code)
                new = Row(subject, True, False, "floor", "", "", "", record.code)
                rows.setdefault(rival, new).records.append(record)
    return list(rows.values())


def _method_row(record: Record) -> Row:
    """An empty row for the cells of a method, or for ensembles of such cells."""
    whole = record if isinstance(record, FinishedRecord) else None
    return Row(
        networks=whole.networks if whole else 1,
        ensemble_of=tuple(whole.ensemble_of) if whole else (),
        label=record.label,
        rival=False,
        oracle=record.oracle,
        role=record.role,
        method=record.method,
        preset=str(record.preset),
        settings_hash=record.settings_hash,
        code=record.code,
    )


def _columns(records: Sequence[Record]) -> list[ScoreColumn]:
    """The headline scores that have a value in at least one cell."""
    columns: dict[str, ScoreColumn] = {}
    for record in records:
        for score in record.scores if isinstance(record, FinishedRecord) else ():
            if score.headline and score.value is not None:
                columns.setdefault(score.name, ScoreColumn(score.name, score.unit, score.better))
    return list(columns.values())


def _estimates(row: Row, name: str) -> list[SeedEstimate]:
    """The score of the row over seeds; several if its cells were measured with different cards."""
    subject = row.label if row.rival else "method"
    by_card: dict[str, dict[int, Score]] = {}
    for record in row.records:
        for score in record.scores:
            if score.name == name and score.subject == subject and score.value is not None:
                card = comparable_card(score.card, record.seed_settings)
                text = json.dumps(card, sort_keys=True)
                digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
                by_card.setdefault(digest, {}).setdefault(record.seed, score)
    return [_estimate(card, by_seed) for card, by_seed in by_card.items()]


def _estimate(card: str, by_seed: Mapping[int, Score]) -> SeedEstimate:
    values = {seed: score.value for seed, score in by_seed.items() if score.value is not None}
    scores = list(by_seed.values())
    mean, half = mean_interval(list(values.values()))
    low, high = _mean_end([score.low for score in scores]), _mean_end([score.high for score in scores])
    return SeedEstimate(values, card, mean, half, low, high, _mean_profiles(scores))


def _mean_profiles(scores: Sequence[Score]) -> dict[str, list[tuple[float, float]]]:
    """The means of the profiles over seeds, for the bins that all seeds have."""
    means: dict[str, list[tuple[float, float]]] = {}
    for name in scores[0].profiles:
        bins: dict[tuple[float, float], list[float]] = {}
        for each in (each for score in scores for each in score.profiles.get(name, ())):
            bins.setdefault((each.low, each.high), []).append(each.value)
        means[name] = [
            ((low + high) / 2, sum(values) / len(values))
            for (low, high), values in sorted(bins.items())
            if len(values) == len(scores)
        ]
    return means


def _mean_end(ends: Sequence[float | None]) -> float | None:
    """The mean over seeds of one end of an interval; None if a seed has no interval."""
    known = [end for end in ends if end is not None]
    return sum(known) / len(known) if len(known) == len(ends) else None


def _test(column: ScoreColumn, rows: Sequence[Row], reference: str) -> None:
    """Compare with the reference and find the best, among rows with the same code and estimates with the same card.

    Ensembles are compared with ensembles of as many networks; their reference is that of the reference's networks.
    """
    groups: dict[tuple[str, str, int], list[tuple[Row, SeedEstimate]]] = {}
    for row in rows:
        for estimate in row.scores[column.name]:
            groups.setdefault((row.code, estimate.card, row.networks), []).append((row, estimate))
    for group in groups.values():
        named = [(row, estimate) for row, estimate in group if reference in (row.label, *row.ensemble_of[:1])]
        named = [pair for pair in named if len(pair[0].ensemble_of) < 2]
        base = min(named, key=lambda pair: pair[0].rival, default=None)  # a method before a rival of the same name
        if base and column.better:
            others = [estimate for row, estimate in group if estimate is not base[1]]
            _against(base[1], others, column)
        if column.better:
            contest = [(row, estimate) for row, estimate in group if row.candidate and not row.rival]
            contest += [base] if base and base[0].rival else []
            _mark_best(contest, column)


def _against(base: SeedEstimate, others: Sequence[SeedEstimate], column: ScoreColumn) -> None:
    tested = []
    for estimate in others:
        seeds = sorted(estimate.values.keys() & base.values.keys())
        if seeds:
            differences = [estimate.values[seed] - base.values[seed] for seed in seeds]
            estimate.difference, estimate.difference_half = mean_interval(differences)
        estimate.better = _is_better(estimate.mean, base.mean, column)
        estimate.p = _p(estimate, base)
        if estimate.p is not None:
            tested.append(estimate)
    for estimate, p in zip(tested, holm([estimate.p or 0.0 for estimate in tested]), strict=True):
        estimate.p = p


def _mark_best(contest: Sequence[tuple[Row, SeedEstimate]], column: ScoreColumn) -> None:
    """Mark the best mean if it differs significantly from that of every other row (Holm over all of them)."""
    if len(contest) < 2:
        return
    sign = 1 if column.better == "lower" else -1
    row, best = min(contest, key=lambda pair: sign * pair[1].mean)
    p_values = [_p(best, estimate) for _, estimate in contest if estimate is not best]
    known = [p for p in p_values if p is not None]
    best.best = not row.rival and len(known) == len(p_values) and max(holm(known)) < SIGNIFICANT


def _p(first: SeedEstimate, second: SeedEstimate) -> float | None:
    seeds = sorted(first.values.keys() & second.values.keys())
    return paired_p([first.values[seed] for seed in seeds], [second.values[seed] for seed in seeds])


def _is_better(value: float, than: float, column: ScoreColumn) -> bool:
    return value < than if column.better == "lower" else value > than


def _name_apart(rows: Sequence[Row]) -> None:
    """Rows with the same label get a suffix: the hash of the settings, the version of the code."""
    for row in rows:
        alike = [other for other in rows if other.label == row.label and other.rival == row.rival]
        row.shown = row.label
        if len({other.settings_hash for other in alike}) > 1:
            row.shown += f" #{row.settings_hash}"
        if len({other.code for other in alike}) > 1:
            row.shown += f" @{row.code}"


def _order(labels: Sequence[str]) -> Callable[[str], int]:
    places = {label: place for place, label in enumerate(labels)}
    return lambda label: places.get(label, len(places))
