"""`ganzoo demo` is a real run, and its page shows what was measured."""

from __future__ import annotations

import json
import re
import webbrowser

import pytest

from ganzoo.cli import demo

SMALL = {"height": 16, "width": 24, "source_size": 40, "source_test_size": 60, "target_size": 40,
         "target_test_size": 60, "target_test_people": 12}  # fmt: skip


@pytest.fixture
def quick(monkeypatch):
    """Fewer and smaller eyes; the pages that a browser was asked to open."""
    monkeypatch.setattr(demo, "DATA", SMALL)
    monkeypatch.setitem(demo.TRAINING, "train", {"steps": 4, "batch_size": 4, "save_every": 2, "log_every": 2})
    monkeypatch.setitem(demo.MEASURED["metric"], "label-drift", {"network": "small", "steps": 2, "batch_size": 8})
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return opened


def test_the_page_shows_the_run(ganzoo, tmp_path, quick):
    result = ganzoo("demo", "--device", "cpu")
    assert result.exit_code == 0, result.output
    file = tmp_path / "ganzoo-demo" / "index.html"
    assert str(file) in result.output
    assert quick == []  # not a terminal
    page = file.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 2
    assert re.findall(r"(?:src|href)=\"(?!data:)", page) == []
    for run, column in (("unchanged", 1), ("simgan", 2)):
        scores = json.loads((tmp_path / "ganzoo-demo" / run / "metrics.json").read_text())["scores"]
        values = {score["name"]: score["value"] for score in scores if score["subject"] == "method"}
        for name in demo.WORDS:
            row = re.search(rf"<tr[^>]*><td>{re.escape(name)}.*?</tr>", page)
            assert row is not None, name
            assert f"<td>{values[name]:.3g}" in row[0].split("</td>")[column] + "</td>"
    assert "a demonstration, not a result" in page


def test_it_is_shown_again_without_training_and_opened_on_request(ganzoo, tmp_path, quick):
    assert ganzoo("demo", "--out", "mine", "--device", "cpu").exit_code == 0
    weights = sorted((tmp_path / "mine").rglob("*.safetensors"))
    times = [file.stat().st_mtime_ns for file in weights]
    again = ganzoo("demo", "--out", "mine", "--device", "cpu", "--open")
    assert again.exit_code == 0, again.output
    assert [file.stat().st_mtime_ns for file in weights] == times
    assert quick == [(tmp_path / "mine" / "index.html").as_uri()]


def test_the_words_follow_from_the_scores():
    worse, better = ({demo.ACCURACY: value, demo.DRIFT: 2.04} for value in (0.9, 0.6))
    before = {demo.ACCURACY: 0.8}
    assert "more often" in demo._lessons(before, worse)[0]
    assert "less often" in demo._lessons(before, better)[0]
    assert "2 degrees" in demo._lessons(before, better)[1]
    assert demo._lessons({}, {}) == []


def test_a_missing_picture_is_named(ganzoo, tmp_path, quick):
    assert ganzoo("demo", "--out", "mine", "--device", "cpu").exit_code == 0
    (tmp_path / "mine" / "simgan" / "samples" / "step-00000004.png").unlink()
    result = ganzoo("demo", "--out", "mine", "--device", "cpu")
    assert result.exit_code == 1
    assert "step-00000004.png is missing or damaged; give another --out" in result.output
