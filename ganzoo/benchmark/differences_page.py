"""comparison.html: two benches side by side in one file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo.benchmark.differences import RowDifference, ScoreDifference, TableDifference, differences
from ganzoo.benchmark.rows import ResultTable, SeedEstimate
from ganzoo.benchmark.statistics import SIGNIFICANT
from ganzoo.benchmark.table import heading, number
from ganzoo.report import html

READING = (
    "↓ lower is better, ↑ higher. The difference is B minus A: the mean over the seeds that both benches have ± half "
    "its 95 % t-interval over these seeds. With one common seed there is no interval.",
    f"p is that of a paired t-test over the common seeds; it is not corrected for the number of scores, so that one in "
    f"{1 / SIGNIFICANT:.0f} is below {SIGNIFICANT} if nothing differs.",
    "There is no difference where the cards of the two values differ: they were measured differently.",
    "Rows belong together by their label. What differs in their settings and code is in the last column.",
)
HEAD = ("method", "score", "A", "B", "B − A", "p", "common seeds", "cards", "settings and code")


def comparison_page(
    first: Sequence[ResultTable], second: Sequence[ResultTable], names: tuple[str, str]
) -> tuple[str, list[TableDifference]]:
    """The page and its data. `names` are what the reader calls the two benches: their titles and folders."""
    found = differences(first, second)
    parts = [html.bullets([f"A: {names[0]}", f"B: {names[1]}", *READING])]
    for table in found:
        parts += [html.heading(f"Dataset {table.dataset}"), _table(table)]
        sides = zip("AB", table.alone, strict=True)
        parts.append(html.bullets([f"Only in {side}: {', '.join(rows)}." for side, rows in sides if rows]))
    both = {table.dataset for table in found}
    for side, tables in (("A", first), ("B", second)):
        if alone := [table.dataset for table in tables if table.dataset not in both]:
            parts.append(html.paragraph(f"Datasets only in {side}: {', '.join(alone)}."))
    if not found:
        parts.append(html.paragraph("The benches have no dataset in common."))
    return html.page("Two benches", [*filter(None, parts)], "report.js"), found


def _table(table: TableDifference) -> str:
    lines = [_line(row, score) for row in table.rows for score in row.scores]
    return html.table([*HEAD], lines, kind="results")


def _line(row: RowDifference, score: ScoreDifference) -> list[str]:
    return [
        row.name,
        heading(score.column),
        _value(score.first),
        _value(score.second),
        difference_text(score),
        "" if score.p is None else number(score.p),
        str(score.seeds) if score.first and score.second and not score.cards else "",
        "; ".join(score.cards),
        "; ".join(row.settings),
    ]


def _value(estimate: SeedEstimate | None) -> str:
    if estimate is None:
        return ""
    return number(estimate.mean) + (f" ± {number(estimate.half)}" if estimate.half else "")


def difference_text(score: ScoreDifference) -> str:
    """Such as `-0.31 ± 0.2`; empty if there is no difference to show."""
    if score.difference is None:
        return ""
    sign = "+" if score.difference > 0 else ""
    return f"{sign}{number(score.difference)}" + (f" ± {number(score.half)}" if score.half else "")
