"""A comparison as text: for the terminal, Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.text import Text

from ganzoo.benchmark.notes import card_letters, notes
from ganzoo.benchmark.rows import ResultTable, Row, ScoreColumn, SeedEstimate
from ganzoo.errors import printable
from ganzoo.report.terminal import Heading, fitted

ARROWS = {"lower": " ↓", "higher": " ↑", "": ""}
COSTS = ("steps", "updates", "images drawn", "training s", "evaluation s", "images/s", "memory MB", "parameters")
SHOWN_COSTS = COSTS[:4]  # if there is no room for all
SCORE_KEYS = ("dataset", "row", "kind", "method", "preset", "settings_hash", "code", "steps", "updates", "images_drawn",
              "score", "unit", "better", "seeds", "mean", "seed_half_width", "low", "high", "difference_from_reference",
              "difference_half_width", "p_against_reference", "best", "card", "networks")  # fmt: skip
TEX = {"\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
       "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "↓": r"$\downarrow$", "↑": r"$\uparrow$",
       "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "°": r"\textdegree{}", "<": r"\textless{}",
       ">": r"\textgreater{}", "[": "{[}", "]": "{]}"}  # fmt: skip


def number(value: float) -> str:
    """Three significant digits, without an exponent unless the value is very small."""
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:.2e}" if abs(value) < 0.001 else f"{value:,.0f}"


def heading(column: ScoreColumn) -> str:
    return column.name + (f" ({column.unit})" if column.unit else "") + ARROWS.get(column.better, "")


def row_name(row: Row) -> str:
    mark = " °" if row.rival else " †" if row.oracle else " ‡" if row.role == "floor" else ""
    failed = f" (failed in {len(row.failures)} of {len(row.failures) + len(row.records)} seeds)" if row.failures else ""
    averaged = f" ({row.networks} networks)" if row.networks > 1 else ""
    return row.shown + averaged + mark + failed


def estimate_text(estimate: SeedEstimate, letter: str, *, brackets: bool) -> str:
    """Such as `5.25 ± 0.31 [4.5, 6]* (a)`: mean, interval over seeds, interval over people, significance, card."""
    text = number(estimate.mean)
    if estimate.half:
        text += f" ± {number(estimate.half)}"
    if brackets and estimate.low is not None and estimate.high is not None:
        text += f" [{number(estimate.low)}, {number(estimate.high)}]"
    return text + ("*" if estimate.significant else "") + (f" ({letter})" if letter else "")


def costs(row: Row) -> list[str]:
    """The costs of a row, in the order of COSTS."""
    values = [row.mean("step"), row.mean("updates"), row.mean("images_drawn")]
    values += [row.mean("training_seconds"), row.mean("evaluation_seconds"), row.mean("images_per_second")]
    values += [row.memory_mb(), row.mean("parameters")]
    return [
        "" if value is None else f"{value:,.0f}" if value >= 10 or value < 0.01 else number(value) for value in values
    ]


def body(comparison: ResultTable, *, brackets: bool = True, bold: tuple[str, str] = ("", "")) -> list[list[str]]:
    """The cells of the table as text: name, scores, costs. The best value is put between the two parts of `bold`."""
    letters = {column.name: card_letters(comparison, column.name) for column in comparison.columns}
    lines = []
    for row in comparison.rows:
        cells = [row_name(row)]
        for column in comparison.columns:
            texts = []
            for estimate in row.scores[column.name]:
                text = estimate_text(estimate, letters[column.name].get(estimate.card, ""), brackets=brackets)
                texts.append(bold[0] + text + bold[1] if estimate.best else text)
            cells.append("; ".join(texts))
        lines.append(cells + costs(row))
    return lines


def rich_table(comparison: ResultTable, title: str, damaged: int = 0, width: int = 80) -> Group:
    """The table for a terminal of that width, without the intervals over people and with SHOWN_COSTS only."""
    names = [*map(heading, comparison.columns), *SHOWN_COSTS]
    headings = [Heading("method"), *(Heading(name, number=True) for name in names)]
    plain, marked = body(comparison, brackets=False), body(comparison, brackets=False, bold=("best", ""))
    rows = [
        [Text(printable(cells[place]), style="bold green" if cells[place] != also[place] else "")
         for place in range(len(headings))]
        for cells, also in zip(plain, marked, strict=True)
    ]  # fmt: skip
    said = [Text(printable(note), style="dim") for note in notes(comparison, damaged)]
    return Group(*fitted(headings, rows, width, title=title, split=True), *said)


def markdown(comparisons: Sequence[ResultTable], title: str, damaged: int = 0) -> str:
    parts = [f"# {_md(title)}"]
    for comparison in comparisons:
        head = ["method", *map(heading, comparison.columns), *COSTS]
        rows = [head, *body(comparison, bold=("\0", "\1"))]
        lines = ["| " + " | ".join(map(_md, row)) + " |" for row in rows]
        lines.insert(1, "|---|" + "---:|" * (len(head) - 1))
        said = [f"- {_md(note)}" for note in notes(comparison, damaged)]
        parts.append("\n".join([f"## {_md(comparison.dataset)}", "", *lines, "", *said]))
    return "\n\n".join(parts) + "\n"


def score_lines(comparisons: Sequence[ResultTable]) -> Iterator[dict[str, Any]]:
    """A record for each score of each row."""
    for comparison in comparisons:
        for row in comparison.rows:
            kind = "rival" if row.rival else "oracle" if row.oracle else row.role
            head = [comparison.dataset, row.shown, kind, row.method, row.preset, row.settings_hash, row.code,
                    row.mean("step"), row.mean("updates"), row.mean("images_drawn")]  # fmt: skip
            for column in comparison.columns:
                for e in row.scores[column.name]:
                    against = [e.difference, e.difference_half, e.p, int(e.best), e.card, row.networks]
                    numbers = [len(e.values), e.mean, e.half, e.low, e.high, *against]
                    values = [*head, column.name, column.unit, column.better, *numbers]
                    yield dict(zip(SCORE_KEYS, values, strict=True))


def csv_lines(comparisons: Sequence[ResultTable]) -> str:
    """One line for each score of each row, for a spreadsheet or a plot."""
    out = io.StringIO()
    writer = csv.DictWriter(out, SCORE_KEYS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(score_lines(comparisons))
    return out.getvalue()


def json_text(comparisons: Sequence[ResultTable], title: str, damaged: int = 0) -> str:
    """The whole table, with the value of every seed."""
    document = [
        {
            "dataset": comparison.dataset,
            "reference": comparison.reference,
            "columns": [asdict(column) for column in comparison.columns],
            "rows": [_row_document(row) for row in comparison.rows],
            "notes": notes(comparison, damaged),
        }
        for comparison in comparisons
    ]
    return json.dumps({"title": title, "comparisons": document}, indent=1) + "\n"


def tex(comparisons: Sequence[ResultTable], title: str) -> str:
    """A tabular (booktabs) for each dataset, with the notes as comments."""
    parts = [f"% {title}; needs \\usepackage{{booktabs,textcomp}}"]
    for comparison in comparisons:
        head = ["method", *map(heading, comparison.columns), *SHOWN_COSTS]
        rows = body(comparison, brackets=False, bold=("\0", "\1"))
        lines = [" & ".join(_tex(cell) for cell in row[: len(head)]) + r" \\" for row in rows]
        parts.append(
            "\n".join(
                [
                    f"% {comparison.dataset}",
                    f"\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
                    r"\toprule",
                    " & ".join(map(_tex, head)) + r" \\",
                    r"\midrule",
                    *lines,
                    r"\bottomrule",
                    r"\end{tabular}",
                    *(f"% {' '.join(note.split())}" for note in notes(comparison)),
                ]
            )
        )
    return "\n\n".join(parts) + "\n"


def _row_document(row: Row) -> dict[str, Any]:
    facts = {key: getattr(row, key) for key in ("shown", "label", "rival", "oracle", "role", "method", "preset")}
    return {
        **facts,
        "settings_hash": row.settings_hash,
        "code": row.code,
        "seeds": [record.seed for record in row.records],
        "networks": row.networks,
        "ensemble_of": row.ensemble_of,
        "members": [record.members for record in row.records] if row.networks > 1 else [],
        "failures": row.failures,
        "scores": {name: [asdict(estimate) for estimate in found] for name, found in row.scores.items()},
        "training_seconds": row.mean("training_seconds"),
        "evaluation_seconds": row.mean("evaluation_seconds"),
        "images_per_second": row.mean("images_per_second"),
        "peak_memory_mb": row.memory_mb(),
        "parameters": row.mean("parameters"),
        "steps": row.mean("step"),
        "updates": row.mean("updates"),
        "images_drawn": row.mean("images_drawn"),
    }


def _md(text: str) -> str:
    for mark in "\\|*_<`":
        text = text.replace(mark, "&lt;" if mark == "<" else "\\" + mark)
    return " ".join(text.split()).replace("\0", "**").replace("\1", "**")


def _tex(text: str) -> str:
    escaped = "".join(TEX.get(letter, letter) for letter in text)
    return escaped.replace("\0", r"\textbf{").replace("\1", "}")
