"""report.html: the whole comparison in one file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ganzoo.benchmark.criteria_table import HEAD, CriteriaTable
from ganzoo.benchmark.notes import notes
from ganzoo.benchmark.rows import ResultTable, Row, SeedEstimate
from ganzoo.benchmark.statistics import pareto_front
from ganzoo.benchmark.table import COSTS, body, heading
from ganzoo.configuration.toml import without_none, write_toml
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
) -> str:
    """The page. Pictures are read from the run folders in `folder`, if they still exist."""
    parts = [html.paragraph(summary)] if summary else []
    for comparison in comparisons:
        parts += [
            html.heading(f"Dataset {comparison.dataset}"),
            _table(comparison),
            html.bullets(notes(comparison, damaged)),
            *_planes(comparison, planes),
            *_profiles(comparison),
            *_criteria([table for table in criteria if table.dataset == comparison.dataset]),
            *_pictures(comparison, folder),
        ]
    parts += _settings(comparisons)
    return html.page(title, [*filter(None, parts)])


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
    return html.table(["method", *map(heading, comparison.columns), *COSTS], rows, strong)


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


def _pictures(comparison: ResultTable, folder: Path) -> list[str]:
    """The sample sheet and the loss curves of each method's first seed."""
    sheets, curves = [], []
    for row in comparison.rows:
        if row.rival or not row.records:
            continue
        run = folder / "cells" / Path(row.records[0].cell).name / "run"
        said = f"{row.shown}, seed {row.records[0].seed}"
        sheets.append(html.picture_file(run / "samples" / "last.png", said, scrolls=True))
        curves.append(html.picture_file(run / "curves.png", said, scrolls=True))
    sheets, curves = [*filter(None, sheets)], [*filter(None, curves)]
    sheet_note = (
        "What each method makes above the real images, such as source, refined and real; points are drawn over the "
        "real ones. The same inputs for all."
    )
    return [
        *([html.heading("Samples", 3), html.paragraph(sheet_note), *sheets] if sheets else []),
        *([html.heading("Loss curves", 3), *curves] if curves else []),
    ]


def _settings(comparisons: Sequence[ResultTable]) -> list[str]:
    """The settings, the data and the machine of the first cell of each row."""
    parts = [html.heading("Settings and environment")]
    for comparison in comparisons:
        for row in comparison.rows:
            if row.records and not row.rival and row.networks == 1:
                text = write_toml(without_none(row.records[0].origin()))
                parts.append(html.folded(f"{row.shown} on {comparison.dataset} ({row.method}, {row.preset})", text))
    return parts if len(parts) > 1 else []
