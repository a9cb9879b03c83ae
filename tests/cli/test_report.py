"""`ganzoo report`."""

import re

import pytest
from conftest import ROOT

from ganzoo.cli import report

RESULTS = ROOT / "benchmarks" / "results"
FIRST, SECOND = RESULTS / "bench-real", RESULTS / "bench-real-float32"


def test_two_benches_make_one_page_and_stay_as_they_are(ganzoo, tmp_path):
    before = {file: file.stat().st_mtime_ns for folder in (FIRST, SECOND) for file in folder.iterdir()}
    result = ganzoo("report", FIRST, SECOND, "--out", tmp_path / "both.html")
    assert result.exit_code == 0, result.output
    assert "28 scores compared; 14 were measured differently" in result.output
    assert {file: file.stat().st_mtime_ns for folder in (FIRST, SECOND) for file in folder.iterdir()} == before

    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    lines = [re.findall("<td>(.*?)</td>", line) for line in re.findall("<tr data-row.*?</tr>", page)]
    assert len(lines) == 42
    for line in lines:
        if line[7]:  # the cards differ
            assert line[4:7] == ["", "", ""]
        else:
            assert float(line[4].split(" ")[0].replace(",", "")) == pytest.approx(
                mean(line[3]) - mean(line[2]), abs=0.6
            )
    assert all(line[8].startswith("code: 0.1.0 (994a2f76ca9d) → 0.1.0 (11093bd142df)") for line in lines)
    assert {line[0] for line in lines if "method.average: 0.0 → absent" in line[8]} == {"simgan", "simgan-no-history"}


def mean(text):
    return float(text.split(" ")[0].replace(",", ""))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((FIRST, SECOND, FIRST), "give one bench, or two to compare, not 3"),
        ((FIRST, "--out", "x.html"), "--out is the page of two benches"),
        ((FIRST, SECOND, "--turing", "x.json"), "--turing belongs to one bench"),
        ((FIRST, RESULTS), "does not hold a bench"),
    ],
)
def test_other_calls_are_refused_in_one_sentence(ganzoo, words, said):
    result = ganzoo("report", *words)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("every", "said"), [(0.0, ["one of a", "two of a"]), (60.0, [])])
def test_without_a_terminal_criteria_say_now_and_then_what_takes_time(monkeypatch, capsys, every, said):
    def update(folder, doing, also):
        doing("one of a")
        doing("two of a")
        doing("no criteria for b: it is gone")

    monkeypatch.setattr(report, "update", update)
    monkeypatch.setattr(report, "PLAIN_EVERY", every)
    report.update_selection(None)
    assert capsys.readouterr().err.splitlines() == [*said, "no criteria for b: it is gone"]
