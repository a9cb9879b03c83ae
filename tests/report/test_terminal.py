"""Tables at any width: whole numbers, whole names."""

import io

import pytest
from rich.console import Console, Group

from ganzoo.report.terminal import Heading, fitted

NUMBERS = ["1,234,567", "0.00114", "2.36e-04", "89.5"]
NAME = "a-method-with-quite-a-long-name #0b98a944"
HEADINGS = [Heading("method"), *(Heading(f"quite_a_long_score_{place} (deg) ↓", number=True) for place in range(4))]


def shown(width, split=False, rows=((NAME, *NUMBERS), ("short", *NUMBERS))):
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(Group(*fitted(HEADINGS, rows, width, title="the title", split=split)))
    return console.export_text()


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("width", [14, 20, 30, 40, 50, 60, 80, 100, 120, 200])
def test_no_number_is_cut_and_no_line_is_too_long_at_any_width(width, split):
    text = shown(width, split)
    words = text.split()
    for number in NUMBERS:
        assert words.count(number) == 2
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_names_and_headings_are_there_to_the_last_letter(width):
    letters = "".join(shown(width).split())
    assert NAME.replace(" ", "") in letters
    assert all("".join(heading.text.split()) in letters for heading in HEADINGS[1:])


def test_where_there_is_room_each_row_is_one_line():
    line = next(line for line in shown(200).splitlines() if NAME in line)
    assert line.split()[-4:] == NUMBERS


def test_a_column_of_words_wraps_before_rows_are_stacked():
    headings = [Heading("name"), Heading("value", number=True)]
    console = Console(width=32, file=io.StringIO(), record=True)
    console.print(Group(*fitted(headings, [(NAME, "1.5")], 32)))
    text = console.export_text()
    assert "value" in text.splitlines()[1]
    assert next(line for line in text.splitlines() if "1.5" in line).split()[-1] == "1.5"


def test_stacked_rows_leave_out_what_is_empty():
    text = shown(40, rows=[("m", "1.5", "", "", "")])
    assert "quite_a_long_score_0 (deg) ↓: 1.5" in text
    assert "quite_a_long_score_1" not in text


def test_markup_and_codes_of_a_terminal_in_names_do_nothing():
    text = shown(200, rows=[("[bold]x[/bold]\x1b[31m", *NUMBERS)])
    assert "[bold]x[/bold]" in text
    assert "\x1b" not in text
