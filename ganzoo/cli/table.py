"""The table at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ganzoo.errors import printable
from ganzoo.metric import Score

ARROWS = {"lower": "↓", "higher": "↑", "": ""}


def score_table(scores: Sequence[Score], method: str, title: str) -> Group:
    """The headline scores, one row each, with the method beside the rivals that were measured with it.

    Scores without a value stand below, with the reason, and so do warnings.
    """
    headline = [score for score in scores if score.headline]
    shown = [score for score in headline if score.value is not None]
    rivals = list(dict.fromkeys(score.subject for score in shown if score.subject != "method"))
    rivals.sort(key=lambda rival: rival != "constant")  # the floor first
    table = Table(title=_plain(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("score", no_wrap=True)
    for rival in rivals:
        table.add_column(_plain(rival), justify="right")
    table.add_column(_plain(method), justify="right", style="bold")
    for name in dict.fromkeys(score.name for score in shown):
        row = {score.subject: score for score in shown if score.name == name}
        first = next(iter(row.values()))
        label = f"{_plain(name)} {ARROWS[first.better]}" + (f" [dim]{_plain(first.unit)}[/dim]" if first.unit else "")
        table.add_row(label, *(_cell(row.get(subject)) for subject in [*rivals, "method"]))
    notes = _together([(s.name, f"not measured: {s.reason}") for s in headline if s.value is None and s.reason])
    notes += _together([(s.name, s.warning) for s in headline if s.warning])
    explained = "↓ lower is better, ↑ higher; in brackets 95 % intervals over people or images, not over seeds"
    return Group(table, Text(explained, style="dim"), *(Text(printable(note), style="yellow") for note in notes))


def print_scores(scores: Sequence[Score], method: str, title: str) -> None:
    """The table on standard output."""
    Console().print(score_table(scores, method, title))


def _plain(text: str) -> str:
    """Text from a file for a terminal: neither rich's markup nor the terminal's own codes act in it."""
    return escape(printable(text))


def _together(notes: Sequence[tuple[str, str]]) -> list[str]:
    """One line for all the scores of which the same is said."""
    names: dict[str, list[str]] = {}
    for name, text in notes:
        if name not in names.setdefault(text, []):
            names[text].append(name)
    return [f"{', '.join(said)}: {text}" for text, said in names.items()]


def _cell(score: Score | None) -> str:
    if score is None or score.value is None:
        return ""
    if score.low is None or score.high is None:
        return _number(score.value)
    return f"{_number(score.value)} [dim]({_number(score.low)} to {_number(score.high)})[/dim]"


def _number(value: float) -> str:
    """Three digits that count, never in powers of ten."""
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:.2e}" if abs(value) < 0.001 else f"{value:,.0f}"
