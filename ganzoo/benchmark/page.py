"""report.html: the whole comparison in one file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ganzoo.benchmark.criteria_table import HEAD, CriteriaTable
from ganzoo.benchmark.notes import notes
from ganzoo.benchmark.page_cells import cells_section
from ganzoo.benchmark.rows import ResultTable, Row, SeedEstimate
from ganzoo.benchmark.statistics import pareto_front
from ganzoo.benchmark.table import COSTS, body, heading
from ganzoo.report import html
from ganzoo.report.lines import lines
from ganzoo.report.plane import Point, plane


def report(
    comparisons: Sequence[ResultTable],
    folder: Path,
    *,
    title: str,
    summary: str,
    planes: Sequence[tuple[str, str]],
    damaged: int = 0,
    criteria: Sequence[CriteriaTable] = (),
    asked: Sequence[tuple[str, str, int]] = (),
) -> str:
    """The page. Pictures are read from the run folders in `folder`, if they still exist.

    `asked` are the cells of the suite by label, dataset and seed; those without a result are shown as waiting.
    """
    parts = [html.paragraph(summary)] if summary else []
    for comparison in comparisons:
        inner = [
            html.heading(f"Dataset {comparison.dataset}"),
            _table(comparison),
            html.bullets(notes(comparison, damaged)),
            *_planes(comparison, planes),
            *_profiles(comparison),
            *_criteria([table for table in criteria if table.dataset == comparison.dataset]),
            cells_section(comparison, folder, [(cell[0], cell[2]) for cell in asked if cell[1] == comparison.dataset]),
        ]
        parts.append(html.element("section", inner, class_="dataset"))
    begun = {comparison.dataset for comparison in comparisons}
    for dataset in dict.fromkeys(cell[1] for cell in asked if cell[1] not in begun):
        parts += [html.heading(f"Dataset {dataset}"), html.paragraph("No cell has a result yet.")]
    return html.page(title, [*filter(None, parts)], "report.js")


def _criteria(tables: Sequence[CriteriaTable]) -> list[str]:
    """How right the criteria were that see no target label."""
    parts = []
    for table in tables:
        parts += [html.heading("Choice without target labels", 3)]
        parts += [html.table([*HEAD], table.rows, set())] if table.rows else []
        parts += [html.bullets(table.notes)]
    return parts


def _table(comparison: ResultTable) -> str:
    rows, marked = body(comparison), body(comparison, bold=("best", ""))
    strong = {
        (r, c)
        for r, (cells, also) in enumerate(zip(rows, marked, strict=True))
        for c, (cell, other) in enumerate(zip(cells, also, strict=True))
        if cell != other
    }
    return html.table(["method", *map(heading, comparison.columns), *COSTS], rows, strong, "results")


def _planes(comparison: ResultTable, planes: Sequence[tuple[str, str]]) -> list[str]:
    """Realism against preservation. A plane with fewer than two rows is left out."""
    drawn = []
    columns = {column.name: column for column in comparison.columns}
    for x, y in planes:
        if x not in columns or y not in columns:
            continue
        points = _points(comparison, x, y)
        if len(points) < 2:
            continue
        sign = {"higher": -1, "lower": 1, "": 1}
        ranked = [index for index, point in enumerate(points) if not point.aside]
        coordinates = [(sign[columns[x].better] * points[i].x, sign[columns[y].better] * points[i].y) for i in ranked]
        front = [ranked[place] for place in pareto_front(coordinates)]
        names = ", ".join(points[index].name for index in front) or "no row"
        caption = f"{x} against {y}, bars: intervals over seeds. On the Pareto front: {names}. Hollow: floors, oracles."
        drawn.append(html.picture(plane(points, front, heading(columns[x]), heading(columns[y])), "svg+xml", caption))
    return [html.heading("Realism and preservation", 3), *drawn] if drawn else []


def _points(comparison: ResultTable, x: str, y: str) -> list[Point]:
    """Rows with both scores, measured with the most common cards. Rows with other cards cannot be compared."""
    both = [row for row in comparison.rows if row.scores[x] and row.scores[y]]
    chosen = [_most_common_card(both, name) for name in (x, y)]
    points = []
    for row in both:
        found = [_of_card(row, name, card) for name, card in zip((x, y), chosen, strict=True)]
        if found[0] and found[1]:
            a, b = found[0], found[1]
            aside = row.rival or not row.candidate
            points.append(Point(row.shown, a.mean, b.mean, a.half or 0.0, b.half or 0.0, aside))
    return _without_doubles(points)


def _most_common_card(rows: Sequence[Row], name: str) -> tuple[str, str]:
    cards = [(row.code, estimate.card) for row in rows for estimate in row.scores[name]]
    return max(dict.fromkeys(cards), key=cards.count, default=("", ""))


def _profiles(comparison: ResultTable) -> list[str]:
    """Scores as functions of another quantity, such as the true angle, for rows with the most common card."""
    drawn = []
    for column in comparison.columns:
        card = _most_common_card(comparison.rows, column.name)
        found = {row.shown: _of_card(row, column.name, card) for row in comparison.rows if row.scores[column.name]}
        panels: dict[str, dict[str, list[tuple[float, float]]]] = {}
        for shown, estimate in found.items():
            for quantity, curve in (estimate.profiles if estimate else {}).items():
                if curve:
                    panels.setdefault(quantity, {})[shown] = curve
        if panels:
            solid = {row.shown for row in comparison.rows if row.candidate and not row.rival}
            aside = [name for name in found if name not in solid]
            caption = f"{column.name} in bins of {', '.join(panels)}; means over seeds. Dashed: floors, oracles."
            drawn.append(html.picture(lines(panels, heading(column), aside), "svg+xml", caption, scrolls=True))
    return [html.heading("Where the errors are", 3), *drawn] if drawn else []


def _without_doubles(points: Sequence[Point]) -> list[Point]:
    """Rows with equal coordinates, such as source-only and identity, share one point and one label."""
    places: dict[tuple[float, float, bool], list[Point]] = {}
    for point in points:
        places.setdefault((point.x, point.y, point.aside), []).append(point)
    return [replace(same[0], name=", ".join(point.name for point in same)) for same in places.values()]


def _of_card(row: Row, name: str, card: tuple[str, str]) -> SeedEstimate | None:
    return next((each for each in row.scores[name] if (row.code, each.card) == card), None)
