"""The table at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ganzoo.metric import Score


def score_table(scores: Sequence[Score], method: str, title: str) -> Group:
    """The headline scores, one row each, with the method beside the rivals that were measured with it."""
    shown = [score for score in scores if score.headline]
    rivals = list(dict.fromkeys(score.subject for score in shown if score.subject != "method"))
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("score")
    for rival in rivals:
        table.add_column(escape(rival), justify="right")
    table.add_column(escape(method), justify="right", style="bold")
    table.add_column("better", style="dim")
    for name in dict.fromkeys(score.name for score in shown):
        row = {score.subject: score for score in shown if score.name == name}
        first = next(iter(row.values()))
        unit = f" ({first.unit})" if first.unit else ""
        cells = [_cell(row.get(subject)) for subject in [*rivals, "method"]]
        table.add_row(escape(name) + unit, *cells, first.better)
    notes = dict.fromkeys(
        [f"{s.name}: not measured: {s.reason}" for s in scores if s.value is None and s.reason]
        + [f"{s.name}: {s.warning}" for s in scores if s.warning]
    )
    return Group(table, *(Text(f"  {note}", style="yellow") for note in notes))


def print_scores(scores: Sequence[Score], method: str, title: str) -> None:
    """The table on standard output."""
    Console().print(score_table(scores, method, title))


def _cell(score: Score | None) -> str:
    if score is None or score.value is None:
        return ""
    if score.low is None or score.high is None:
        return f"{score.value:.4g}"
    return f"{score.value:.4g} [dim]({score.low:.4g} to {score.high:.4g})[/dim]"
