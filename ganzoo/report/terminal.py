"""Tables for a terminal of any width: names and sentences wrap, numbers stay whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ganzoo.errors import printable

LEAST = 16  # minimum letters of a column of words; if there is less space the rows are stacked
AROUND = 3  # two of padding around a column and one between columns


@dataclass(frozen=True)
class Heading:
    """A column: of numbers, which stay on one line, or of words, which may wrap."""

    text: str
    number: bool = False


def fitted(
    headings: Sequence[Heading],
    rows: Sequence[Sequence[Text | str]],
    width: int,
    *,
    title: str = "",
    split: bool = False,
) -> list[RenderableType]:
    """The rows for a terminal of that width.

    One table if it fits. Else, with `split`, several tables below each other, each with the first column. Else
    the rows stacked: the first cell, and below it a line for each other cell, with its heading.
    """
    cells = [[_text(cell) for cell in row] for row in rows]
    least = [_least(heading, [row[place] for row in cells]) for place, heading in enumerate(headings)]
    everything = list(range(len(headings)))
    if _total(least, everything) <= width:
        return [_table(headings, cells, least, everything, title)]
    widest = max((least[place] for place in everything[1:]), default=0)
    if split and least[0] + widest + 2 * AROUND + 1 <= width:
        groups = _groups(least, width)
        return [_table(headings, cells, least, group, "" if place else title) for place, group in enumerate(groups)]
    return _stacked(headings, cells, width, title)


def _text(cell: Text | str) -> Text:
    return cell if isinstance(cell, Text) else Text(printable(cell))


def _least(heading: Heading, cells: Sequence[Text]) -> int:
    """The letters that a column needs; for words LEAST are enough."""
    natural = max(cell_len(heading.text), *(cell.cell_len for cell in cells), 0)
    return natural if heading.number else min(natural, LEAST)


def _total(least: Sequence[int], places: Sequence[int]) -> int:
    return sum(least[place] + AROUND for place in places) + 1


def _groups(least: Sequence[int], width: int) -> list[list[int]]:
    """Columns in groups that fit the width, each with column 0."""
    groups = [[0]]
    for place in range(1, len(least)):
        if len(groups[-1]) > 1 and _total(least, [*groups[-1], place]) > width:
            groups.append([0])
        groups[-1].append(place)
    return groups


def _table(
    headings: Sequence[Heading], rows: Sequence[Sequence[Text]], least: Sequence[int], places: Sequence[int], title: str
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=_title(title), title_justify="left")
    for place in places:
        heading = headings[place]
        table.add_column(
            Text(printable(heading.text)),
            justify="right" if heading.number else "left",
            no_wrap=heading.number,
            min_width=least[place],
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(row[place] for place in places))
    return table


def _stacked(
    headings: Sequence[Heading], rows: Sequence[Sequence[Text]], width: int, title: str
) -> list[RenderableType]:
    lines: list[RenderableType] = [named] if (named := _title(title)) else []
    for row in rows:
        lines += [Text(), Text(row[0].plain, style="bold", overflow="fold")]
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            if not cell.plain:
                continue
            name = Text(f"  {printable(heading.text)}: ", style="dim", overflow="fold")
            if name.cell_len + cell.cell_len <= width:
                lines.append(name.append_text(cell))
            else:  # on a line of its own, so that what belongs together stays together
                lines += [name, Padding(cell, (0, 0, 0, 4))]
    return [*lines, Text()]


def _title(title: str) -> Text | None:
    return Text(printable(title), style="bold", overflow="fold") if title else None
