"""Two benches side by side: which rows belong together, how far their scores differ, and what else differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganzoo.benchmark.rows import ResultTable, Row, ScoreColumn, SeedEstimate, comparable_card
from ganzoo.benchmark.statistics import mean_interval, paired_p

SEED_KEYS = ("seed",)  # settings that differ between the cells of one row
MOST = 6  # differences that are named; the others are counted


@dataclass
class ScoreDifference:
    """One score of a row in both benches; a side is None if that bench did not measure it."""

    column: ScoreColumn
    first: SeedEstimate | None
    second: SeedEstimate | None
    cards: list[str] = field(default_factory=list)  # what the cards differ in; empty if they are alike
    seeds: int = 0  # that both have
    difference: float | None = None  # second minus first, mean over the seeds of both; None if cards are unlike
    half: float | None = None  # of its 95 % t-interval over these seeds
    p: float | None = None  # of the paired t-test over these seeds, not corrected for the number of scores


@dataclass
class RowDifference:
    """A row of the same label in both benches."""

    name: str
    scores: list[ScoreDifference]
    settings: list[str]  # what differs in the settings and in the code


@dataclass
class TableDifference:
    dataset: str
    rows: list[RowDifference]
    alone: tuple[list[str], list[str]]  # rows that only the first, only the second bench has


def differences(first: Sequence[ResultTable], second: Sequence[ResultTable]) -> list[TableDifference]:
    """The tables of the datasets that both benches have. Scores are compared only if their cards are alike."""
    others = {table.dataset: table for table in second}
    return [_table(table, others[table.dataset]) for table in first if table.dataset in others]


def _table(first: ResultTable, second: ResultTable) -> TableDifference:
    pairs = _pairs(first.rows, second.rows)
    columns = {column.name: column for column in (*first.columns, *second.columns)}
    rows = [
        RowDifference(a.shown + (" °" if a.rival else ""), _scores(a, b, list(columns.values())), _origins(a, b))
        for a, b in pairs
    ]
    paired = {id(row) for pair in pairs for row in pair}
    alone = [[row.shown for row in table.rows if id(row) not in paired] for table in (first, second)]
    return TableDifference(first.dataset, rows, (alone[0], alone[1]))


def _pairs(first: Sequence[Row], second: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows of the same label: of equal settings if there are such, else the only one of that label in each bench."""
    pairs: list[tuple[Row, Row]] = []
    for row in first:
        alike = [other for other in second if _identity(other) == _identity(row)]
        same = [other for other in alike if other.settings_hash == row.settings_hash]
        single = alike if sum(_identity(other) == _identity(row) for other in first) == 1 else []
        found = next((other for group in (same, single) for other in group if len(group) == 1), None)
        if found is not None:
            pairs.append((row, found))
    return pairs


def _identity(row: Row) -> tuple[str, bool, int]:
    return row.label, row.rival, row.networks


def _scores(first: Row, second: Row, columns: Iterable[ScoreColumn]) -> list[ScoreDifference]:
    made = []
    for column in columns:
        a, b = first.scores.get(column.name, []), second.scores.get(column.name, [])
        common = [(x, y) for x in a for y in b if x.card == y.card]
        if common:
            made.append(_measured_alike(column, *common[0]))
        elif a and b:
            unlike = unlike_keys(_card(first, column.name), _card(second, column.name))
            made.append(ScoreDifference(column, a[0], b[0], unlike or ["the version of the metric"]))
        elif a or b:
            made.append(ScoreDifference(column, a[0] if a else None, b[0] if b else None))
    return made


def _measured_alike(column: ScoreColumn, first: SeedEstimate, second: SeedEstimate) -> ScoreDifference:
    seeds = sorted(first.values.keys() & second.values.keys())
    made = ScoreDifference(column, first, second, seeds=len(seeds))
    if seeds:
        a, b = [first.values[seed] for seed in seeds], [second.values[seed] for seed in seeds]
        made.difference, made.half = mean_interval([y - x for x, y in zip(a, b, strict=True)])
        made.p = paired_p(b, a)
    return made


def _card(row: Row, name: str) -> Mapping[str, Any]:
    """The card of a score of the row, without seeds; empty if no record has it."""
    subject = row.label if row.rival else "method"
    for record in row.records:
        for score in record.scores:
            if score.name == name and score.subject == subject and score.value is not None:
                return {key: comparable_card(value, record.seed_settings) for key, value in score.card.items()
                        if key not in record.seed_settings}  # fmt: skip
    return {}


def _origins(first: Row, second: Row) -> list[str]:
    """What differs between the settings and the code of two rows."""
    said = [f"code: {first.code} → {second.code}"] if first.code != second.code else []
    if first.records and second.records and not first.rival:
        a, b = first.records[0], second.records[0]
        said += unlike_keys(a.settings, b.settings, (*SEED_KEYS, *a.seed_settings))
    return said


def unlike_keys(first: Any, second: Any, ignored: Sequence[str] = ()) -> list[str]:
    """The leaves in which two documents differ, such as `train.precision: bf16 → float32`; the first `MOST` of them."""
    found = [
        f"{key}: {_short(old)} → {_short(new)}"
        for key, old, new in _unlike(first, second, "")
        if key.split(".")[-1] not in ignored
    ]
    return found[:MOST] + ([f"and {len(found) - MOST} more"] if len(found) > MOST else [])


def _unlike(first: Any, second: Any, key: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(first, dict) and isinstance(second, dict):
        for name in dict.fromkeys([*first, *second]):
            yield from _unlike(first.get(name), second.get(name), f"{key}.{name}" if key else str(name))
    elif first != second:
        yield key, first, second


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
