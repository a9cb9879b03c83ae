"""Benches of two places become one, and a bench is reported before it is finished."""

from __future__ import annotations

import json

import pytest
from benchmark.records import failure, record, score

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.merge import merge
from ganzoo.benchmark.notes import notes
from ganzoo.benchmark.rows import comparisons
from ganzoo.benchmark.suite import parse_suite
from ganzoo.errors import ConfigError

METHODS = {"a": {"method": "shift"}, "b": {"method": "shift", "preset": "fast"}}


@pytest.fixture
def place(toys, tmp_path):
    """Make a bench folder of records."""

    def make(name, *records, **changes):
        tables = {"images": 8, "seeds": 1, "methods": METHODS, "datasets": {"toy": {}}, "reference": "a", **changes}
        folder = BenchFolder(tmp_path / name)
        folder.open(parse_suite(tables, "s", "s.toml"), 1)
        lines = [json.dumps(each) for each in records]
        folder.results_file.write_text("".join(f"{line}\n" for line in lines))
        return folder

    return make


def cell(label, seed, value, **more):
    return record(label, seed, [score("drift", value)], **more)


def test_cells_of_two_places_become_one_table(place, tmp_path):
    first = place("first", cell("a", 0, 1.0), cell("b", 0, 2.0))
    second = place("second", cell("a", 1, 1.5), cell("b", 1, 2.5), seeds=2)
    picture = first.path / "cells" / "a-0-1-h" / "run" / "curves.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"png")
    (picture.parent / "checkpoints").mkdir()
    out = BenchFolder(tmp_path / "out")
    merged = merge([first, second], out)
    assert (merged.cells, merged.twice, merged.disagree) == ((2, 2), 0, ())
    (table,), _ = out.write()
    assert {row.label: [each.seed for each in row.records] for row in table.rows} == {"a": [0, 1], "b": [0, 1]}
    assert out.suite().seeds == 2
    assert out.progress() == ""
    assert (out.path / "cells" / "a-0-1-h" / "run" / "curves.png").read_bytes() == b"png"
    assert not (out.path / "cells" / "a-0-1-h" / "run" / "checkpoints").exists()


def test_lines_are_kept_as_the_cells_wrote_them(place, tmp_path):
    written = cell("a", 0, 1.0, a_key_of_tomorrow=3)
    out = BenchFolder(tmp_path / "out")
    merge([place("first", written), place("second")], out)
    assert [json.loads(line) for line in out.results_file.read_text().splitlines()] == [written]


def test_scores_that_were_measured_otherwise_carry_letters_and_are_not_averaged(place, tmp_path):
    other = {"cards": {"c": {"extractor": "pixels", "threads": 8, "network_seed": 1}}}
    first, second = place("first", cell("a", 0, 1.0)), place("second", cell("a", 1, 9.0, **other), seeds=2)
    out = BenchFolder(tmp_path / "out")
    merge([first, second], out)
    (table,), _ = out.write()
    assert sorted(each.mean for each in table.rows[0].scores["drift"]) == [1.0, 9.0]
    assert any("different letters were measured differently" in note for note in notes(table))


def test_a_cell_of_both_is_taken_once_and_a_disagreement_is_named(place, tmp_path):
    first = place("first", cell("a", 0, 1.0), cell("b", 0, 2.0))
    second = place("second", cell("a", 0, 1.0), cell("b", 0, 2.5))
    out = BenchFolder(tmp_path / "out")
    merged = merge([first, second], out)
    assert (merged.cells, merged.twice, merged.disagree) == ((2, 0), 1, ("b-0-1-h",))
    assert out.results().finished["b-0-1-h"].scores[0].value == 2.0


def test_a_failure_in_one_place_gives_way_to_a_result_of_the_other(place, tmp_path):
    first = place("first", failure("a", 0, "out of memory"), failure("b", 0, "it diverged"))
    out = BenchFolder(tmp_path / "out")
    merge([first, place("second", cell("a", 0, 1.0))], out)
    results = out.results()
    assert set(results.finished) == {"a-0-1-h"}
    assert [each.failed for each in results.failed.values()] == ["it diverged"]


def test_benches_that_cannot_be_compared_are_refused(place, tmp_path):
    first = place("first", cell("a", 0, 1.0))
    with pytest.raises(ConfigError, match=r"second differ in images: 8 and 16"):
        merge([first, place("second", images=16)], BenchFolder(tmp_path / "out"))
    with pytest.raises(ConfigError, match=r"first is not empty; give a new folder"):
        merge([first, first], first)
    with pytest.raises(ConfigError, match="does not hold a bench"):
        merge([first, BenchFolder(tmp_path / "nowhere")], BenchFolder(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_command_merges_and_shows_the_table(ganzoo, place, tmp_path):
    place("first", cell("a", 0, 1.0))
    place("second", cell("b", 0, 2.0), cell("a", 0, 3.0))
    result = ganzoo("bench", "--merge", "first", "second", "--out", "both")
    assert result.exit_code == 0, result.output
    assert "1 cell from first" in result.output
    assert "a-0-1-h is in both with other values" in result.output
    assert (tmp_path / "both" / "table.csv").exists()
    assert ganzoo("bench", "--merge", "first", "second").exit_code == 2


def test_a_bench_that_is_not_finished_is_reported_with_what_is_there(ganzoo, place, tmp_path):
    folder = place("half", cell("a", 0, 1.0), seeds=3)
    left = {**cell("b", 1, 2.0), "cell": "b-1-1-h"}
    (folder.path / "cells" / "b-1-1-h").mkdir(parents=True)  # finished while no bench was there to collect it
    (folder.path / "cells" / "b-1-1-h" / "result.json").write_text(json.dumps(left))
    result = ganzoo("report", "half")
    assert result.exit_code == 0, result.output
    assert "Unfinished: 2 of 6 cells have a result." in result.output
    assert "ganzoo bench s (2 of 6 cells)" in (folder.path / "table.md").read_text()
    assert len(folder.results_file.read_text().splitlines()) == 1  # the next bench collects it


def test_rows_of_different_devices_are_named_below_the_table():
    from benchmark.records import results_of

    def on(label, device):
        return cell(label, 0, 1.0, environment={"device": device})

    results = results_of(on("a", "cuda:0 (NVIDIA H100)"), on("b", "cuda:3 (NVIDIA H100)"))
    assert not [note for note in notes(comparisons(results, "a", [], [])[0]) if "different devices" in note]
    results = results_of(on("a", "cuda:0 (NVIDIA H100)"), on("b", "cuda:0 (NVIDIA A100)"), on("c", "cpu (x86_64)"))
    (said,) = [note for note in notes(comparisons(results, "a", [], [])[0]) if "different devices" in note]
    assert said.endswith("NVIDIA H100: a; NVIDIA A100: b; cpu (x86_64): c")
