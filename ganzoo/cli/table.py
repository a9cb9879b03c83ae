"""Tables on standard output: the scores at the end of a run, and lists."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group
from rich.text import Text

from ganzoo.errors import printable
from ganzoo.metric import Score
from ganzoo.report.terminal import Heading, fitted

ARROWS = {"lower": "↓", "higher": "↑", "": ""}


def score_table(scores: Sequence[Score], method: str, title: str, width: int) -> Group:
    """The headline scores, one row each, with the method next to the baselines that were measured with it.

    Scores without a value are listed below, with the reason, and so are warnings. Without any value there is no table.
    """
    headline = [score for score in scores if score.headline]
    shown = [score for score in headline if score.value is not None]
    notes = _together([(s.name, f"not measured: {s.reason}") for s in headline if s.value is None and s.reason])
    notes += _together([(s.name, s.warning) for s in headline if s.warning])
    said = [Text(printable(note), style="yellow") for note in notes]
    if not shown:
        return Group(Text(printable(f"{title}: {_why_empty(scores)}")), *said)
    rivals = list(dict.fromkeys(score.subject for score in shown if score.subject != "method"))
    rivals.sort(key=lambda rival: rival != "constant")  # the floor first
    rows = []
    for name in dict.fromkeys(score.name for score in shown):
        row = {score.subject: score for score in shown if score.name == name}
        rows.append([_label(next(iter(row.values()))), *(_cell(row.get(subject)) for subject in [*rivals, "method"])])
    headings = [Heading("score"), *(Heading(each, number=True) for each in [*rivals, method])]
    explained = "↓ lower is better, ↑ higher; in brackets 95 % intervals over people or images, not over seeds"
    return Group(*fitted(headings, rows, width, title=title), Text(explained, style="dim"), *said)


def print_table(
    headings: Sequence[Heading], rows: Sequence[Sequence[Text | str]], title: str = "", *, error: bool = False
) -> None:
    """Any table on standard output, or on standard error."""
    console = Console(stderr=error)
    console.print(Group(*fitted(headings, rows, console.width, title=title)))


def print_scores(scores: Sequence[Score], method: str, title: str) -> None:
    """The table on standard output."""
    console = Console()
    console.print(score_table(scores, method, title, console.width))


def _why_empty(scores: Sequence[Score]) -> str:
    """The text that replaces a table without a number."""
    if not scores:
        return "no metric was measured; name some with --metrics"
    return "nothing could be measured" if all(score.value is None for score in scores) else "no score for the table"


def _label(score: Score) -> Text:
    label = Text(printable(score.name))
    if score.better:
        label.append(f" {ARROWS[score.better]}")
    return label.append(f" {printable(score.unit)}", style="dim") if score.unit else label


def _together(notes: Sequence[tuple[str, str]]) -> list[str]:
    """One line for all scores with the same reason."""
    names: dict[str, list[str]] = {}
    for name, text in notes:
        if name not in names.setdefault(text, []):
            names[text].append(name)
    return [f"{', '.join(said)}: {text}" for text, said in names.items()]


def _cell(score: Score | None) -> Text:
    if score is None or score.value is None:
        return Text()
    cell = Text(_number(score.value))
    if score.low is None or score.high is None:
        return cell
    return cell.append(f" ({_number(score.low)} to {_number(score.high)})", style="dim")


def _number(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:.2e}" if abs(value) < 0.001 else f"{value:,.0f}"
