"""The cells of a bench on its page: a matrix of methods and seeds, and for each cell its pictures, scores, settings."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.rows import ResultTable, Row
from ganzoo.benchmark.table import ARROWS, number
from ganzoo.configuration.toml import without_none, write_toml
from ganzoo.report import html

LARGEST_PAGE = 2**25  # bytes of pictures; a page with more of them has those of the first seed alone
SAMPLES = Path("samples") / "last.png"
CURVES = Path("curves.png")
NOTE = (
    "Choose a cell, a method or a seed. Sample sheets have what a method makes above the real images, such as source, "
    "refined and real; points are drawn over the real ones. The inputs are the same for all."
)


def cells_section(comparison: ResultTable, folder: Path, asked: Sequence[tuple[str, int]]) -> str:
    """The cells of one dataset; `asked` has the label and seed of each cell of the suite. Empty without any cell."""
    rows = [(place, row) for place, row in enumerate(comparison.rows) if not row.rival and row.networks == 1]
    waiting = _waiting([row for _, row in rows], asked)
    seeds = sorted({seed for _, row in rows for seed in (*_records(row), *row.failures)} | {seed for _, seed in asked})
    if not seeds:
        return ""
    labels = [label for label in dict.fromkeys(label for label, _ in waiting) if not _row_of(label, rows)]
    return html.element(
        "section",
        [
            html.heading("Samples, curves and settings", 3),
            html.paragraph(NOTE),
            _matrix(rows, seeds, waiting, labels),
            '<p class="shown" aria-live="polite"></p>',
            *_articles(rows, folder),
        ],
        class_="cells",
    )


def _row_of(label: str, rows: Sequence[tuple[int, Row]]) -> bool:
    return any(row.label == label for _, row in rows)


def _waiting(rows: Sequence[Row], asked: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    """The cells of the suite that neither finished, nor failed, nor were declined."""
    done = {(row.label, seed) for row in rows for seed in (*_records(row), *row.failures)}
    declined = {row.label for row in rows if row.declined}
    return {(label, seed) for label, seed in asked if (label, seed) not in done and label not in declined}


def _records(row: Row) -> dict[int, FinishedRecord]:
    return {record.seed: record for record in row.records}


def _matrix(
    rows: Sequence[tuple[int, Row]], seeds: Sequence[int], waiting: set[tuple[str, int]], labels: Sequence[str]
) -> str:
    """A row for each method; its cells say what became of each seed. `labels` are rows that have not begun."""

    def line(place: str, name: str, states: Sequence[str]) -> str:
        cells = "".join(html.element("td", [state], class_=state.split(" ")[0]) for state in states)
        return html.element("tr", [html.element("td", [escape(name)]) + cells], row=place)

    lines = []
    for place, row in rows:
        finished = _records(row)
        states = ["done" if seed in finished else "failed" if seed in row.failures else "declined" if row.declined
                  else "waiting" if (row.label, seed) in waiting else "" for seed in seeds]  # fmt: skip
        lines.append(line(str(place), row.shown, states))
    for label in labels:
        lines.append(line("", label, ["waiting" if (label, seed) in waiting else "" for seed in seeds]))
    head = "".join(f"<th>{escape(text)}</th>" for text in ("method", *(f"seed {seed}" for seed in seeds)))
    table = f'<table class="matrix"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _articles(rows: Sequence[tuple[int, Row]], folder: Path) -> list[str]:
    runs = [_run(folder, record) for _, row in rows for record in row.records]
    whole = sum(_size(run / name) for run in runs for name in (SAMPLES, CURVES)) <= LARGEST_PAGE
    made = []
    for place, row in rows:
        first = min((record.seed for record in row.records), default=0)
        made += [_article(place, row, record, folder, whole or record.seed == first) for record in row.records]
        made += [
            html.element(
                "article",
                [html.heading(f"{row.shown}, seed {seed}", 4), html.paragraph(f"failed: {reason}")],
                row=place, seed=seed,
            )
            for seed, reason in row.failures.items()
        ]  # fmt: skip
        if row.declined:
            said = [html.heading(row.shown, 4), html.paragraph(f"not run: {row.declined}")]
            made.append(html.element("article", said, row=place))
    return made


def _run(folder: Path, record: FinishedRecord) -> Path:
    return folder / "cells" / Path(record.cell).name / "run"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError):
        return 0


def _article(place: int, row: Row, record: FinishedRecord, folder: Path, pictures: bool) -> str:
    name = f"{row.shown}, seed {record.seed}"
    run = _run(folder, record)
    sheet = html.picture_file(run / SAMPLES, f"Samples of {name}", scrolls=True) if pictures else ""
    curves = html.picture_file(run / CURVES, f"Loss curves of {name}", scrolls=True) if pictures else ""
    origin = write_toml(without_none(record.origin()))
    return html.element(
        "article",
        [
            html.heading(name, 4),
            sheet,
            html.folded("Loss curves", curves),
            html.folded("Scores", _scores(record)),
            html.folded(f"Settings and environment ({row.method}, {row.preset})", html.preformatted(origin))
            if origin.strip()
            else "",
            "" if pictures else html.paragraph("Its pictures are in the run folder: this page would be too large."),
        ],
        row=place,
        seed=record.seed,
    )


def _scores(record: FinishedRecord) -> str:
    """All scores of a cell, also those that the table of results leaves out."""
    lines = []
    for score in record.scores:
        value = number(score.value) if score.value is not None else ""
        if score.low is not None and score.high is not None:
            value += f" [{number(score.low)}, {number(score.high)}]"
        name = score.name + (f" ({score.unit})" if score.unit else "") + ARROWS.get(score.better, "")
        lines.append([name, score.subject, value, "; ".join(filter(None, (score.reason, score.warning)))])
    return html.table(["score", "of", "value", "remark"], lines) if lines else ""
