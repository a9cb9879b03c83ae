"""A bench from its cells to criteria, ensembles and a choice, on the toy dataset."""

from __future__ import annotations

import json
import shutil
import tomllib

import numpy as np
import pytest
import torch
from benchmark.bench_here import bench_here, collected

from ganzoo.benchmark.criteria import read_criteria
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.selection import update
from ganzoo.benchmark.suite import load_suite, narrowed, parse_suite
from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError
from ganzoo.task import GazeTask

SUITE = """
images = 80
seeds = 3
metric_seeds = { downstream-gaze-error = "network_seed" }
train = { batch_size = 4 }
evaluate = { metrics = ["gaze-error", "downstream-gaze-error"] }
[metric.gaze-error]
steps = 2
network = "small"
[metric.downstream-gaze-error]
steps = 20
batch_size = 4
network = "small"
[datasets.toy]
settings = { count = 16 }
[methods.constant]
role = "floor"
[methods.source-only]
[methods.shift]
[ensembles.twice]
members = ["source-only"]
[ensembles.both]
members = ["source-only", "shift"]
size = 1
"""


@pytest.fixture(scope="module")
def bench(toys, tmp_path_factory):
    """A finished bench with criteria and ensembles."""
    out = tmp_path_factory.mktemp("bench") / "toy"
    folder = collected(bench_here(out, SUITE))
    update(folder, lambda text: None)
    folder.write()
    return folder


def score_of(folder, cell, name):
    return next(s.value for s in folder.results().finished[cell].scores if (s.name, s.subject) == (name, "method"))


def test_the_true_error_is_that_of_the_table(bench):
    cells = read_criteria(bench.path).datasets["toy"].cells
    assert len(cells) == 9
    for name, cell in cells.items():
        column = "gaze_error_deg" if cell.family == "shift" else "direct_gaze_error_deg"
        assert cell.error == pytest.approx(score_of(bench, name, column), rel=1e-4)


def test_a_constant_is_set_aside(bench):
    found = read_criteria(bench.path).datasets["toy"]
    assert {found.cells[name].family for name in found.set_aside()} >= {"constant"}
    assert all("collapsed" in why for name, why in found.set_aside().items() if "constant" in name)


def test_an_ensemble_is_the_average_of_its_cells_and_costs_their_sum(bench):
    rows = json.loads((bench.path / "table.json").read_text())["comparisons"][0]["rows"]
    twice, both = (next(row for row in rows if row["label"] == name) for name in ("twice", "both"))
    assert (twice["networks"], len(twice["seeds"]), both["networks"], len(both["seeds"])) == (3, 1, 2, 3)
    cells = [each for each in bench.results().finished.values() if each.label == "source-only"]
    assert twice["training_seconds"] == pytest.approx(sum(each.training_seconds for each in cells))
    made, labels = [], None
    for each in cells:
        with np.load(bench.path / "cells" / each.cell / "run" / "predictions.npz") as held:
            made.append(torch.from_numpy(held["target_test"]))
    toy = registry().get("datasets", "toy")
    labels = torch.from_numpy(toy(toy.Config(count=16)).target_test().labels)
    task = GazeTask()
    error = task.error(task.average(torch.stack(made)), labels).mean()
    (estimate,) = twice["scores"]["direct_gaze_error_deg"]
    assert estimate["mean"] == pytest.approx(float(error), rel=1e-4)
    assert estimate["half"] is None
    assert estimate["p"] is None  # there is no other ensemble of three networks of source-only to compare it with


def test_the_table_says_what_the_interval_of_an_ensemble_is_over(bench):
    text = (bench.path / "table.md").read_text()
    assert "twice averages 3 networks of source-only: one ensemble, so there is no interval over seeds" in text
    assert "both averages 2 networks of source-only, shift: 3 ensembles of disjoint seeds" in text
    assert "twice (3 networks)" in text


def test_the_report_shows_rank_correlation_and_regret(bench):
    page, text = ((bench.path / name).read_text() for name in ("report.html", "criteria.md"))
    for shown in (page, text):
        assert "rank correlation" in shown
        assert "mean-label-distance" in shown
    assert "Labels of the target's test enter the true errors and nothing else." in text


def test_what_is_known_is_not_computed_again(bench):
    files = [bench.path / "criteria.json", *bench.path.glob("cells/*/run/predictions.npz")]
    before = [file.stat().st_mtime_ns for file in files]
    said = []
    update(bench, said.append)
    assert not said
    assert [file.stat().st_mtime_ns for file in files] == before


def test_no_criterion_depends_on_a_label_of_the_target(bench, toys, tmp_path, monkeypatch):
    shutil.copytree(bench.path, tmp_path / "toy")
    (tmp_path / "toy" / "criteria.json").unlink()
    toy = toys.get("datasets", "toy")
    for part in ("target", "target_test"):
        whole = getattr(toy, part)
        monkeypatch.setattr(toy, part, lambda self, whole=whole: whole(self).unlabelled())
    update(BenchFolder(tmp_path / "toy"), lambda text: None)
    old, new = (read_criteria(path).datasets["toy"].cells for path in (bench.path, tmp_path / "toy"))
    assert all(cell.error is None for cell in new.values())
    for name, cell in old.items():
        assert not {k: v.reason for k, v in new[name].readings.items() if v.reason and not cell.readings[k].reason}
        assert {k: v.value for k, v in new[name].readings.items()} == pytest.approx(
            {k: v.value for k, v in cell.readings.items()}
        )


def test_cells_whose_runs_are_gone_stay_in_the_files(bench, tmp_path):
    shutil.copytree(bench.path, tmp_path / "toy", ignore=shutil.ignore_patterns("cells"))
    folder = BenchFolder(tmp_path / "toy")
    update(folder, lambda text: None)
    assert read_criteria(folder.path) == read_criteria(bench.path)
    tables, _ = folder.write()
    assert {"twice", "both"} <= {row.label for row in tables[0].rows}


def test_damaged_predictions_are_made_again(bench, tmp_path):
    shutil.copytree(bench.path, tmp_path / "toy")
    file = next((tmp_path / "toy").glob("cells/shift*/run/predictions.npz"))
    whole = np.load(file)["target"]
    file.write_bytes(file.read_bytes()[:100])
    update(BenchFolder(tmp_path / "toy"), lambda text: None)
    np.testing.assert_allclose(np.load(file)["target"], whole, atol=1e-5)


def test_choose_names_the_run_with_the_lowest_value(bench, ganzoo):
    result = ganzoo("choose", bench.path, "--by", "mean-label-distance")
    found = read_criteria(bench.path).datasets["toy"]
    best = min(found.candidates(), key=lambda name: found.cells[name].readings["mean-label-distance"].value)
    assert result.exit_code == 0, result.output
    assert str(bench.path / "cells" / best / "run") in result.output
    assert "On this bench, by labels that no criterion saw" in result.output


def test_too_few_runs_other_data_and_oracles_are_told(bench, ganzoo):
    runs = sorted((bench.path / "cells").glob("source-only*/run"))
    result = ganzoo("choose", runs[0], runs[1])
    assert (result.exit_code, "no choice: " in result.output) == (1, True), result.output
    assert ganzoo("choose", bench.path, "--dataset", "eyes").exit_code == 2
    assert ganzoo("choose", runs[0], runs[0]).exit_code == 2
    made = ganzoo("run", "source-only", "--dataset", "toy", "--count", "12", "--steps", "2", "--metrics", "none",
                  "--out", "other")  # fmt: skip
    assert made.exit_code == 0, made.output
    result = ganzoo("choose", runs[0], runs[1], "other")
    assert result.exit_code == 2
    assert "other has other" in result.output


def test_the_order_of_the_runs_does_not_change_a_prediction(bench, ganzoo, tmp_path):
    runs = sorted((bench.path / "cells").glob("source-only*/run"))[:2]
    images = np.random.default_rng(0).integers(0, 255, (5, 24, 40, 1), dtype=np.uint8)
    np.savez("images.npz", image=images)
    for name, order in {"a": runs, "b": runs[::-1], "one": runs[:1], "two": runs[1:]}.items():
        result = ganzoo("predict", *order, "--input", "images.npz", "--output", f"{name}.csv")
        assert result.exit_code == 0, result.output
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    one, two, both = (np.loadtxt(f"{n}.csv", delimiter=",", skiprows=1, usecols=(1, 2)) for n in ("one", "two", "a"))
    task = GazeTask()
    expected = task.average(torch.from_numpy(np.stack([one, two])))
    np.testing.assert_allclose(both, expected.numpy(), atol=1e-5)
    result = ganzoo("predict", runs[0], runs[0], "--input", "images.npz", "--output", "twice.csv")
    assert (result.exit_code, "named twice" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[ensembles.x]\nmembers = ["dan"]', r"ensembles\.x\.members: there is no row 'dan'"),
        ('[ensembles.shift]\nmembers = ["shift"]', r"ensembles\.shift: there is a method with this label"),
        ('[ensembles.x]\nmembers = ["shift", "shift"]', "names a row twice"),
        ("[ensembles.x]\nmembers = []", r"ensembles\.x\.members"),
    ],
)
def test_a_wrong_ensemble_is_refused(toys, text, said):
    with pytest.raises(ConfigError, match=said):
        parse_suite(tomllib.loads(f"{SUITE}\n{text}"), "toy", "toy.toml")


def test_fewer_seeds_than_an_ensemble_has_leave_it_out_and_the_folder_readable(tmp_path):
    suite = narrowed(load_suite("adaptation"), ["source-only", "ddc"], seeds=4)
    assert not suite.ensembles
    assert {*narrowed(load_suite("adaptation"), ["source-only", "ddc"], seeds=5).ensembles} == {
        "source-only-5",
        "ddc-5",
    }
    BenchFolder(tmp_path).open(suite, 1)
    assert BenchFolder(tmp_path).suite().seeds == 4


def test_a_damaged_file_of_criteria_is_made_again(bench, tmp_path):
    shutil.copytree(bench.path, tmp_path / "toy")
    (tmp_path / "toy" / "criteria.json").write_text('{"datasets": 3}')
    update(BenchFolder(tmp_path / "toy"), lambda text: None)
    made, whole = (read_criteria(path).datasets["toy"].cells for path in (tmp_path / "toy", bench.path))
    assert made.keys() == whole.keys()
