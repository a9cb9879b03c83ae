import pytest
from rich.console import Console

from ganzoo.cli.table import score_table
from ganzoo.metric import Score


def text(scores, width=100):
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(score_table(scores, "simgan", "title", width))
    return capture.get()


def test_the_method_stands_beside_its_rivals():
    scores = [
        Score("gaze_error_deg", 5.25, unit="deg", better="lower", low=4.5, high=6.0),
        Score("gaze_error_deg", 7.0, "source-only", "deg", "lower"),
        Score("gaze_error_deg", 8.0, "constant", "deg", "lower"),
        Score("detail", 1.0, headline=False),
    ]
    shown = text(scores)
    header = next(line for line in shown.splitlines() if "simgan" in line)
    assert header.split() == ["score", "constant", "source-only", "simgan"]
    row = next(line for line in shown.splitlines() if "gaze_error_deg" in line)
    assert row.split() == ["gaze_error_deg", "↓", "deg", "8", "7", "5.25", "(4.5", "to", "6)"]
    assert "detail" not in shown


def test_what_could_not_be_measured_is_said_once_with_all_names():
    reason = "no weights"
    shown = text([Score("fid[x]", None, reason=reason), Score("kid[x]", None, reason=reason), Score("a", 1.0)])
    assert "fid[x], kid[x]: not measured: no weights" in shown
    assert shown.count("no weights") == 1


def test_without_any_score_there_is_a_sentence_and_no_table():
    assert text([]).strip() == "title: no metric was measured; name some with --metrics"


def test_where_nothing_could_be_measured_the_reason_stands_without_a_table():
    shown = text([Score("fid[x]", None, reason="no weights")])
    assert "title: nothing could be measured" in shown
    assert "fid[x]: not measured: no weights" in shown
    assert "─" not in shown


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_every_score_and_interval_is_whole_at_any_width(width):
    scores = [
        Score("downstream_gaze_error_deg", 5.25, unit="deg", better="lower", low=4.51, high=6.02),
        Score("downstream_gaze_error_deg", 7.13, "source-only", "deg", "lower", low=6.61, high=7.72),
        Score("kid[efficientnet-lite0]", 1.234e-5, better="lower", low=1.02e-5, high=2.03e-5),
    ]
    words = text(scores, width).replace("(", " ").replace(")", " ").split()
    for number in ("5.25", "4.51", "6.02", "7.13", "6.61", "7.72", "1.23e-05", "1.02e-05", "2.03e-05"):
        assert words.count(number) == 1


def test_warnings_stand_below_the_table():
    assert "fid[x]: 200 images; few" in text([Score("fid[x]", 1.0, warning="200 images; few")])


def test_markup_in_names_is_shown_as_it_is():
    assert "fid[gaze]" in text([Score("fid[gaze]", 1.0)])
