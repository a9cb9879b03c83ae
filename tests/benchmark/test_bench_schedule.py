"""Processes of cells, with a stand-in for Python that ends as each test wants it."""

import json
import os
import subprocess
import sys

import pytest
from benchmark.records import record, results_of
from conftest import TOY

from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.notes import notes
from ganzoo.benchmark.results import read_results, seconds_of
from ganzoo.benchmark.rows import comparisons
from ganzoo.benchmark.schedule import BenchObserver, Schedule
from ganzoo.benchmark.suite import parse_suite
from ganzoo.configuration.toml import write_toml
from ganzoo.discovery.registry import registry
from ganzoo.engine import TIED
from ganzoo.settings import Settings


class Heard(BenchObserver):
    def __init__(self):
        self.said, self.unreached = [], []

    def unreachable(self, reason):
        self.unreached.append(reason)

    def finished(self, cell, record):
        self.said.append(("finished", cell.label))

    def failed(self, cell, reason):
        self.said.append(("failed", reason))

    def retried(self, cell, reason):
        self.said.append(("retried", reason))


@pytest.fixture
def bench(toys, tmp_path, monkeypatch):
    """Run cells of the method `shift`, each by the given lines of shell, which find their folder in $3."""
    methods = {"a": {"method": "shift"}, "b": {"method": "shift", "preset": "fast"}}
    suite = parse_suite({"images": 8, "methods": methods, "datasets": {"toy": {}}, "seeds": 1}, "s", "s.toml")
    cells = cells_of(suite, {})

    def run(script, jobs=1, declined=None):
        (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "python").chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        heard = Heard()
        (tmp_path / "out").mkdir(exist_ok=True)
        launcher = Launcher(tmp_path / "out", [], [], threads=1)
        engine = registry().get("engines", "local")(Settings(), tmp_path / "engine")
        schedule = Schedule(tmp_path / "out", launcher, engine, jobs=jobs, watch=heard)
        schedule.run(cells, declined or {})
        return heard.said, read_results(schedule.results_file)

    run.cells = cells
    return run


def test_a_failure_that_will_come_again_is_reported_and_the_other_cells_run(bench):
    said, results = bench('case "$3" in *a-toy*) echo "error: it diverged"; exit 1;; esac; echo "error: other"; exit 1')
    assert said == [("failed", "it diverged"), ("failed", "other")]
    assert [one.failed for one in results.failed.values()] == ["it diverged", "other"]


def test_a_crash_is_tried_again_once(bench):
    said, results = bench("echo Traceback; echo 'RuntimeError: odd'; exit 70")
    assert said[:2] == [("retried", "RuntimeError: odd"), ("failed", "RuntimeError: odd")]
    assert len(results.failed) == 2


def test_a_killed_process_is_named_with_the_last_it_said(bench):
    said, _ = bench("echo training; kill -9 $$")
    assert said[1] == ("failed", "killed by signal 9; its last line of output was: training")


def test_a_result_is_taken_over_once_and_never_made_again(bench, tmp_path):
    for cell in bench.cells:
        place = tmp_path / "out" / "cells" / cell.id
        place.mkdir(parents=True)
        (place / "result.json").write_text(json.dumps({**record(cell.label, 0, []), "cell": cell.id}))
    said, results = bench("exit 3")
    assert said == [("finished", "a"), ("finished", "b")]
    said, results = bench("exit 3")
    assert said == []
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 2
    assert len(results.finished) == 2


def test_as_many_processes_run_at_once_as_there_are_jobs(bench, tmp_path):
    script = (
        f"touch {tmp_path}/$$.here; sleep 0.4; ls {tmp_path}/*.here | wc -l >> {tmp_path}/seen; rm {tmp_path}/$$.here"
    )
    bench(f"{script}; exit 1", jobs=2)
    assert (tmp_path / "seen").read_text().split()[0] == "2"


def test_an_estimate_comes_from_the_same_row_before_the_same_method(bench):
    a, b = bench.cells
    same = {**record("a", 1, []), "method": "shift", "settings_hash": a.settings_hash, "training_seconds": 9.0}
    other = {**record("x", 1, []), "method": "shift", "settings_hash": "other", "training_seconds": 1.0}
    finished = results_of(same, other).finished.values()
    assert seconds_of(a, finished) == 10.0
    assert seconds_of(b, finished) == 6.0
    assert seconds_of(a, results_of(record("dann", 0, [])).finished.values()) is None


def test_a_cell_ends_when_its_bench_is_gone(bench, tmp_path):
    cell = bench.cells[0]
    long = {**cell.tables(), "cell": {**cell.tables()["cell"], "budget_images": 10**7}}
    (tmp_path / "cell.toml").write_text(write_toml(long))
    command = [sys.executable, "-m", "ganzoo.benchmark.work", str(tmp_path), str(TOY)]
    tied = {**os.environ, TIED: "1"}
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env=tied)
    assert ended.returncode == 75, ended.stdout


def test_a_cell_whose_method_declines_its_data_is_recorded_once_and_never_started(bench):
    declined = {bench.cells[0].id: "a takes points"}
    for _ in range(2):
        _, results = bench('echo "error: started"; exit 3', declined=declined)
    record = results.failed[bench.cells[0].id]
    assert (record.failed, record.declined) == ("a takes points", True)
    assert all(not other.declined for cell, other in results.failed.items() if cell not in declined)
    row = next(row for row in comparisons(results, "a", [], [])[0].rows if row.declined)
    assert row.shown == bench.cells[0].label
    assert f"{row.shown} was not run: a takes points." in notes(comparisons(results, "a", [], [])[0])
