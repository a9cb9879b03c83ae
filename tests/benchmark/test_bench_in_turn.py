"""Jobs of several cells, on an engine that loses, doubles and delays them; a cell is lines of shell."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from benchmark.test_bench_engines import COUNTS, ENDS, Bench, wait_until

from ganzoo.benchmark import schedule as scheduling
from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.engines import cancel, jobs_of
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.suite import parse_suite
from ganzoo.testing.toy_engines import ToyEngine, ToySettings

# the runner is the real one; a cell is lines of shell, which find its folder in $3
RUNNER = """#!/bin/sh
case "$2" in *in_turn) shift 2; exec {real} -c '
import sys
sys.executable = "{stand_in}"
from ganzoo.benchmark.in_turn import main
sys.exit(main(sys.argv[1:]))' "$@";; esac
"""
LOCKS = 'if mkdir "$3/lock" 2>/dev/null; then sleep 0.2; else sleep 0.2; exit 76; fi'
TABLES = {
    "images": 8, "seeds": 2, "datasets": {"toy": {}},
    "methods": {"a": {"method": "shift"}, "b": {"method": "shift", "preset": "fast"}},
}  # fmt: skip
NAMES = ["a0", "b0", "a1", "b1"]


@pytest.fixture
def bench(toys, tmp_path, monkeypatch):
    """Four cells: two rows with two seeds."""
    real = sys.executable
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(scheduling, "PAUSE", 0.2)
    bench = Bench(tmp_path / "out", cells_of(parse_suite(TABLES, "s", "s.toml"), {}))

    def cell_is(*lines):
        head = RUNNER.format(real=real, stand_in=tmp_path / "python")
        (tmp_path / "python").write_text(head + "\n".join(lines) + "\n")
        (tmp_path / "python").chmod(0o755)

    bench.cell_is = cell_is
    return bench


def runs(bench):
    return {f"{cell.label}{cell.seed}": bench.runs(cell) for cell in bench.cells}


@pytest.mark.parametrize(
    ("settings", "jobs"),
    [({}, 2), ({"lose": 1}, None), ({"forget": 1}, None), ({"delay": 0.3}, 2), ({"copies": 2}, 2), ({"jobs": 1}, 2)],
)
def test_each_cell_runs_once_whatever_the_engine_loses_doubles_or_delays(bench, settings, jobs):
    bench.cell_is(LOCKS, COUNTS, ENDS)
    said = bench.run(**settings, cells_per_job=2)
    assert [each[0] for each in said].count("finished") == 4
    assert runs(bench) == dict.fromkeys(NAMES, 1)
    assert len((bench.folder / "results.jsonl").read_text().splitlines()) == 4
    assert not list(bench.folder.glob("cells/*/job.json"))
    if jobs is not None:
        assert len(list((bench.folder / "engine").iterdir())) == jobs


def test_a_lost_job_gives_back_the_cells_that_it_had_not_finished_and_no_others(bench):
    dies = 'test -e "$3/again" || { touch "$3/again"; kill -9 $PPID; exit; }'  # with its job, once
    is_second = f'case "$3" in *b-toy*seed0*) {dies};; esac'
    bench.cell_is(COUNTS, is_second, ENDS)
    said = bench.run(cells_per_job=4)
    assert runs(bench) == {"a0": 1, "b0": 2, "a1": 1, "b1": 1}
    assert [each[0] for each in said].count("finished") == 4
    assert [each[0] for each in said].count("retried") == 1  # the cell that ran; the others cost no attempt


def test_a_cell_that_fails_or_is_killed_does_not_keep_the_others_from_running(bench):
    bench.cell_is(
        COUNTS,
        'case "$3" in *a-toy*seed0*) echo "error: it diverged"; exit 1;; *b-toy*seed0*) kill -9 $$;; esac',
        ENDS,
    )
    said = bench.run(cells_per_job=4)
    assert ("failed", "it diverged") in said
    assert runs(bench) == {"a0": 1, "b0": 5, "a1": 1, "b1": 1}
    reasons = sorted(record.failed for record in bench.results.failed.values())
    assert reasons[0] == "it diverged"
    assert reasons[1].startswith("killed by signal 9")


def test_results_are_taken_while_the_job_goes_on(bench):
    late = f"grep -q a-toy {bench.folder}/results.jsonl || exit 1"  # the last cell finds the result of the first one
    bench.cell_is(f'case "$3" in *b-toy*seed1*) {late};; *) sleep 0.3;; esac', ENDS)
    assert [each[0] for each in bench.run(cells_per_job=4)] == ["finished"] * 4


def test_a_second_bench_finds_the_job_of_several_cells(bench):
    bench.cell_is("sleep 0.4", COUNTS, ENDS)
    assert bench.run(detach=True, cells_per_job=3) == []
    found = jobs_of(BenchFolder(bench.folder), "toy-engine")
    assert len(found) == 4
    assert len(set(found.values())) == 2
    assert sorted(each[0] for each in bench.run(cells_per_job=3)) == ["finished"] * 4
    assert runs(bench) == dict.fromkeys(NAMES, 1)


def test_a_second_bench_gives_back_what_a_job_left_that_was_killed_meanwhile(bench):
    dies = 'test -e "$3/again" || { touch "$3/again"; kill -9 $PPID; exit; }'
    bench.cell_is(COUNTS, f'case "$3" in *a-toy*seed1*) {dies};; esac', ENDS)
    bench.run(detach=True, cells_per_job=4)
    wait_until(lambda: list(bench.folder.glob("cells/*/again")))
    time.sleep(0.3)
    assert {each[0] for each in bench.run(cells_per_job=4)} == {"finished"}
    assert runs(bench) == {"a0": 1, "b0": 1, "a1": 2, "b1": 1}


def test_cancel_has_the_cell_save_and_starts_no_other_one(bench):
    bench.cell_is('trap "touch $3/saved; exit 75" USR2', COUNTS, "while :; do sleep 0.1; done")
    bench.run(detach=True, cells_per_job=4)
    wait_until(lambda: runs(bench)["a0"] == 1)
    engine = ToyEngine(ToySettings(), bench.folder / "engine")
    assert cancel(BenchFolder(bench.folder), engine) == 4
    wait_until(lambda: list(bench.folder.glob("cells/*/saved")))
    time.sleep(0.5)
    assert runs(bench) == {"a0": 1, "b0": 0, "a1": 0, "b1": 0}
    assert not list(bench.folder.glob("cells/*/job.json"))


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGUSR2", 75), ("SIGINT", 130)])
def test_a_job_that_is_asked_to_stop_ends_like_a_cell_that_is(bench, tmp_path, name, code):
    bench.cell_is('trap "exit 75" USR2', COUNTS, "while :; do sleep 0.1; done")
    job = bench.schedule().launcher.job(bench.cells)
    process = subprocess.Popen(job.command, env={**os.environ, **job.environment}, cwd=job.directory)
    wait_until(lambda: runs(bench)["a0"] == 1)
    process.send_signal(getattr(signal, name))
    assert process.wait(20) == code
    assert runs(bench) == {"a0": 1, "b0": 0, "a1": 0, "b1": 0}
    (note,) = bench.folder.glob("cells/*/jobs/*.json")
    assert json.loads(note.read_text())["code"] == 75


def test_only_cells_that_need_the_same_share_a_job(toys, tmp_path):
    tables = {**TABLES, "methods": {**TABLES["methods"], "c": {"method": "shift", "resources": {"cpus": 2}}}}
    cells = cells_of(parse_suite(tables, "s", "s.toml"), {})
    groups = Launcher(tmp_path, [], [], threads=1).groups(cells, 3)
    assert [[f"{cell.label}{cell.seed}" for cell in group] for group in groups] == [
        ["a0", "b0", "a1"], ["b1"], ["c0", "c1"],
    ]  # fmt: skip
    assert [len(group) for group in Launcher(tmp_path, [], [], threads=1).groups(cells, 1)] == [1] * 6


def test_the_folder_for_copies_of_data_is_told_as_it_was_written(bench, tmp_path):
    launcher = Launcher(tmp_path / "out", [], [], threads=1, stage="$TMPDIR/data")  # $TMPDIR of the job's machine
    assert launcher.job(bench.cells[:1]).environment["GANZOO_STAGE"] == "$TMPDIR/data"
