"""`ganzoo bench` and `ganzoo report` from end to end, on the toy dataset."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from benchmark.bench_here import bench_here
from conftest import TOY

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.suite import load_suite

SUITE = """
summary = "Two toys."
images = 80
seeds = 2
planes = [["fid[pixels]", "gaze_error_deg"]]
metric_seeds = { downstream-gaze-error = "network_seed" }
train = { batch_size = 4, save_every = 2, log_every = 2 }
evaluate = { metrics = ["fid", "downstream-gaze-error"] }

[metric.fid]
extractors = ["pixels"]

[metric.downstream-gaze-error]
steps = 2
batch_size = 8

[datasets.toy]
settings = { count = 16 }

[methods.shift]

[methods.quicker]
method = "shift"
preset = "fast"
"""
COSTS = ("training_seconds", "evaluation_seconds", "images_per_second", "peak_memory_mb")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def suite(toys, tmp_path):
    file = tmp_path / "toy.toml"
    file.write_text(SUITE)
    return file


def table(out):
    """What came out, without what it cost."""
    document = json.loads((out / "table.json").read_text())
    for row in document["comparisons"][0]["rows"]:
        for cost in COSTS:
            del row[cost]
    return document


@pytest.fixture(scope="module")
def cells_never_interrupted(toys, tmp_path_factory):
    """A bench folder in which this process has run all cells, one after the other."""
    out = tmp_path_factory.mktemp("bench") / "whole"
    bench_here(out, SUITE)
    return out


def test_a_bench_killed_in_the_middle_and_started_again_gives_the_table_of_one_never_stopped(
    ganzoo, suite, tmp_path, cells_never_interrupted
):
    out, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "ganzoo", "bench", str(suite), "--plugin", str(TOY), "--out", str(out)]
    bench = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while not list(out.glob("cells/*/run/checkpoints/step-*")):
        assert bench.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.005)
    os.killpg(bench.pid, signal.SIGKILL)
    bench.wait()
    assert not list(out.glob("cells/*/result.json"))

    result = ganzoo("bench", suite, "--plugin", TOY, "--out", out)
    assert result.exit_code == 0, result.output
    assert "(4/4)" in result.output
    again = ganzoo("bench", suite, "--plugin", TOY, "--out", out)
    assert "4 cells, 4 of them finished before" in again.output
    assert len((out / "results.jsonl").read_text().splitlines()) == 4

    shutil.copytree(cells_never_interrupted, whole)
    assert ganzoo("bench", suite, "--plugin", TOY, "--out", whole).exit_code == 0
    assert table(out) == table(whole)
    rows = {row["shown"]: row for row in table(out)["comparisons"][0]["rows"]}
    assert list(rows) == ["constant", "source-only", "shift", "quicker"]
    assert [rows["shift"][key] for key in ("steps", "updates", "images_drawn")] == [20, 20, 80]
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {(line["step"], line["updates"], line["images_drawn"], line["budget_images"]) for line in lines} == {
        (20, 20, 80, 80)
    }
    assert rows["shift"]["seeds"] == [0, 1]
    assert rows["shift"]["scores"]["fid[pixels]"][0]["values"].keys() == {"0", "1"}


def test_report_makes_the_same_files_again_from_the_lines(ganzoo, suite, tmp_path, cells_never_interrupted):
    out = tmp_path / "out"
    shutil.copytree(cells_never_interrupted, out)
    assert ganzoo("bench", suite, "--plugin", TOY, "--out", out).exit_code == 0
    made = {name: (out / name).read_bytes() for name in ("table.md", "table.csv", "table.tex", "report.html")}
    assert b"data:image/png" in made["report.html"]
    for name in made:
        (out / name).unlink()
    with (out / "results.jsonl").open("a") as file:
        file.write('{"half a li')
    assert ganzoo("report", out).exit_code == 0
    assert (out / "table.csv").read_bytes() == made["table.csv"]
    assert "results.jsonl: 1 damaged lines were skipped" in (out / "table.md").read_text()
    for cell in (out / "cells").iterdir():
        cell.rename(tmp_path / cell.name)
    assert ganzoo("report", out).exit_code == 0  # pictures are left out
    assert b"data:image/png" not in (out / "report.html").read_bytes()


def test_a_method_that_fails_is_reported_and_the_others_are_measured(ganzoo, suite, tmp_path):
    suite.write_text(
        SUITE.replace('preset = "fast"', "settings = { explode_at = 3 }").replace("seeds = 2", "seeds = 1")
    )
    result = ganzoo("bench", suite, "--plugin", TOY, "--out", "out")
    assert result.exit_code == 1
    assert "1 of 2 cells failed" in result.output
    text = (tmp_path / "out" / "table.md").read_text()
    assert "quicker failed in every seed: shift diverged" in text
    assert re.search(r"\| shift \| [\d,.]+ \[", text)


def test_a_dry_run_lists_the_cells_and_starts_nothing(ganzoo, suite, tmp_path):
    result = ganzoo("bench", suite, "--plugin", TOY, "--out", "out", "--dry-run", "--methods", "shift", "--seeds", 3)
    assert result.exit_code == 0, result.output
    assert result.output.count("to do") == 4  # and once in the sum
    assert "3 cells; to do, one after the other: 0 s, and 3 cells of unknown length" in result.output
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_the_budget_of_each_row_in_its_unit(ganzoo, suite):
    suite.write_text(SUITE + "steps = 7\n")
    typed = ("--seconds", 90, "--seeds", 1, "--dry-run")
    text = ganzoo("bench", suite, "--plugin", TOY, *typed).output
    assert re.search(r"shift +toy +0 +90 seconds +to do", text)
    assert re.search(r"quicker +toy +0 +7 steps +to do", text)


@pytest.mark.parametrize("typed", [("--metrics", "fid,kid"), ("--metrics", "none")])
def test_a_bench_with_other_metrics_than_before_is_refused_with_both_ways_out(ganzoo, suite, tmp_path, typed):
    BenchFolder(tmp_path / "out").open(load_suite(str(suite)), 1)
    result = ganzoo("bench", suite, "--plugin", TOY, "--out", "out", *typed)
    assert result.exit_code == 2
    assert "out measures fid,downstream-gaze-error, not " in result.output
    assert "give --metrics fid,downstream-gaze-error to resume it, or give another --out" in result.output
    assert not (tmp_path / "out" / "cells").exists()


def test_a_bench_that_measures_nothing_has_the_costs_alone(ganzoo, suite, tmp_path):
    small = ("--methods", "shift", "--seeds", 1, "--steps", 2, "--metrics", "none")
    result = ganzoo("bench", suite, "--plugin", TOY, "--out", "out", *small)
    assert result.exit_code == 0, result.output
    assert re.search(r"shift +2 +2 +8 ", result.output)
    assert BenchFolder(tmp_path / "out").suite().evaluate["metrics"] == ["none"]
    again = ganzoo("bench", suite, "--plugin", TOY, "--out", "out", "--methods", "shift", "--seeds", 1, "--steps", 2)
    assert "give --metrics none to resume it" in again.output


def test_cells_that_share_a_job_give_the_same_bits(ganzoo, suite, tmp_path):
    small = ("--plugin", TOY, "--methods", "shift", "--steps", 4, "--metrics", "none")
    (tmp_path / "local.toml").write_text('cells_per_job = 2\nstage = "/nowhere"\n')
    together = ganzoo("bench", suite, *small, "--out", "together", "--engine-config", "local.toml")
    assert together.exit_code == 0, together.output
    assert ganzoo("bench", suite, *small, "--out", "apart").exit_code == 0
    notes = sorted(file.name for file in (tmp_path / "together").glob("cells/*/jobs/*.json"))
    assert len(notes) == 2
    assert notes[0] == notes[1]  # one job
    assert table(tmp_path / "together") == table(tmp_path / "apart")
    weights = [
        sorted((tmp_path / name).glob("cells/*/run/checkpoints/*/*.safetensors")) for name in ("together", "apart")
    ]
    assert len(weights[0]) >= 2
    assert [file.read_bytes() for file in weights[0]] == [file.read_bytes() for file in weights[1]]


def test_a_setting_that_several_datasets_of_a_suite_have_is_one_option(ganzoo):
    said = ganzoo("bench", "toy", "--help").output  # ring, grid and spiral
    assert said.count("--deviation") == said.count("--data-seed") == 1
    assert "used more than once" not in said
    plan = ganzoo("bench", "toy", "--data-seed", "7", "--methods", "gan", "--seeds", "1", "--dry-run")
    assert plan.exit_code == 0
    assert plan.output.count("250,000 images") == 3  # a row for each dataset


def test_help_has_the_suites_and_the_settings_of_the_suites_datasets(ganzoo):
    text = ganzoo("bench", "real", "--help").output
    for words in ("quick:", "simgan-ablation:", "--source-range", "--target-test", "--dry-run", "--jobs"):
        assert words in text
    assert "--source-people" in ganzoo("bench", "--help").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bench", "quik"), "there is no suite 'quik'; did you mean 'quick'?"),
        (("bench", "absent.toml"), "absent.toml cannot be read"),
        (("bench", "--methods", "simgam"), "there is no method 'simgam'; did you mean 'simgan'?"),
        (("bench", "--dataset", "eyess"), "there is no dataset 'eyess'; did you mean 'eyes'?"),
        (("bench", "--seeds", "0"), "0 is not in the range"),
        (
            ("bench", "--steps", "3", "--seconds", "3"),
            "--steps and --seconds: a bench has one budget; give one of them",
        ),
        (("bench", "--metrics", "fidd"), "there is no metric 'fidd'; did you mean 'fid'?"),
        (("bench", "--target-size", "0"), "--target-size = 0: input should be greater than or equal to 1"),
        (("bench", "real"), "the dataset as-is needs --source, --target, --target-test"),
        (("report", "nowhere"), "nowhere does not hold a bench"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence_and_nothing_is_written(ganzoo, tmp_path, arguments, words):
    result = ganzoo(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_not_touched(ganzoo, suite, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    result = ganzoo("bench", suite, "--plugin", TOY, "--out", "mine")
    assert result.exit_code == 2
    assert "mine is not empty and does not hold a bench" in result.output
    BenchFolder(tmp_path / "other").open(load_suite("quick"), 1)
    result = ganzoo("bench", suite, "--plugin", TOY, "--out", "other")
    assert "holds a bench of the suite 'quick', not 'toy'" in result.output
