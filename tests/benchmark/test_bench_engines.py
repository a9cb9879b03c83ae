"""A bench on an engine that loses, doubles and delays jobs, with a stand-in for the process of a cell."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from benchmark.records import record
from benchmark.test_bench_schedule import Heard

from ganzoo.benchmark import jobs as files
from ganzoo.benchmark import schedule as scheduling
from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.engines import cancel, check_engine, jobs_of
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.jobs import Claim, read_claim, write_claim
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.results import read_results
from ganzoo.benchmark.schedule import Schedule
from ganzoo.benchmark.suite import parse_suite
from ganzoo.errors import ConfigError, EngineError
from ganzoo.testing.toy_engines import ToyEngine, ToySettings

ENDS = 'cp "$3/made.json" "$3/result.json"'  # a cell that finishes
COUNTS = 'echo x >> "$3/ran"'


class Bench:
    """The cells of two rows in one folder, each run by lines of shell that find their folder in $3."""

    def __init__(self, folder, cells):
        self.folder, self.cells = folder, cells
        for cell in cells:
            place = self.place(cell)
            place.mkdir(parents=True)
            (place / "made.json").write_text(json.dumps({**record(cell.label, 0, []), "cell": cell.id}))

    def place(self, cell):
        return self.folder / "cells" / cell.id

    def schedule(self, engine=None, jobs=None, **settings):
        self.heard = Heard()
        engine = engine or ToyEngine(ToySettings(**settings), self.folder / "engine")
        return Schedule(self.folder, Launcher(self.folder, [], [], threads=1), engine, jobs=jobs, watch=self.heard)

    def run(self, engine=None, jobs=None, detach=False, **settings):
        self.schedule(engine, jobs, **settings).run(self.cells, {}, detach=detach)
        return self.heard.said

    def runs(self, cell):
        file = self.place(cell) / "ran"
        return len(file.read_text().split()) if file.exists() else 0

    @property
    def results(self):
        return read_results(self.folder / "results.jsonl")


@pytest.fixture
def bench(toys, tmp_path, monkeypatch):
    methods = {"a": {"method": "shift"}, "b": {"method": "shift", "preset": "fast"}}
    suite = parse_suite({"images": 8, "methods": methods, "datasets": {"toy": {}}, "seeds": 1}, "s", "s.toml")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(scheduling, "PAUSE", 0.2)
    return Bench(tmp_path / "out", cells_of(suite, {}))


@pytest.fixture
def cell_is(tmp_path):
    """Say in shell what the process of a cell does."""

    def write(*lines):
        (tmp_path / "python").write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
        (tmp_path / "python").chmod(0o755)

    return write


def wait_until(met):
    limit = time.monotonic() + 20
    while not met():
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.parametrize("settings", [{}, {"lose": 2}, {"forget": 1}, {"delay": 0.5}, {"lose": 1, "delay": 0.3}])
def test_each_cell_is_collected_once_whatever_the_engine_loses_or_delays(bench, cell_is, settings):
    held = 'if mkdir "$3/lock" 2>/dev/null; then sleep 0.3; else sleep 0.3; exit 76; fi'
    cell_is(held, COUNTS, ENDS)
    said = bench.run(**settings)
    assert sorted(each for each in said if each[0] == "finished") == [("finished", "a"), ("finished", "b")]
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]
    assert len((bench.folder / "results.jsonl").read_text().splitlines()) == 2
    assert not list(bench.folder.glob("cells/*/job.json"))


def test_a_job_that_is_started_twice_by_the_engine_does_no_harm(bench, cell_is):
    cell_is('if mkdir "$3/lock" 2>/dev/null; then sleep 0.3; else exit 76; fi', COUNTS, ENDS)
    assert {each[0] for each in bench.run(copies=2)} == {"finished"}
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]


def test_a_job_whose_end_the_engine_never_hears_of_is_collected_and_stopped(bench, cell_is, monkeypatch):
    monkeypatch.setattr(scheduling, "UNHEARD", 0.5)
    cell_is(COUNTS, ENDS)
    engine = ToyEngine(ToySettings(unheard=1), bench.folder / "engine")
    assert sorted(bench.run(engine)) == [("finished", "a"), ("finished", "b")]
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]
    assert len(engine.stopped) == 1


def test_a_job_that_goes_on_after_its_cell_was_asked_to_stop_is_left_alone(bench, cell_is, monkeypatch):
    monkeypatch.setattr(scheduling, "UNHEARD", 0.3)
    stopped = 'mkdir -p "$3/jobs"; echo \'{"code": 143}\' > "$3/jobs/$GANZOO_JOB.json"'  # by an earlier one
    cell_is(stopped, "sleep 1.5", COUNTS, ENDS)
    engine = ToyEngine(ToySettings(), bench.folder / "engine")
    assert sorted(bench.run(engine)) == [("finished", "a"), ("finished", "b")]
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]
    assert not engine.stopped


def test_a_detached_bench_leaves_its_cells_running_and_the_next_one_collects_them(bench, cell_is):
    cell_is("sleep 1", COUNTS, ENDS)
    assert bench.run(detach=True) == []
    assert len(jobs_of(BenchFolder(bench.folder), "toy-engine")) == 2
    assert sorted(bench.run()) == [("finished", "a"), ("finished", "b")]
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]


def test_a_later_bench_tries_a_cell_again_whose_job_was_killed_meanwhile(bench, cell_is):
    cell_is('test -e "$3/second" || { touch "$3/second"; kill -9 $$; }', COUNTS, ENDS)
    bench.run(detach=True)
    wait_until(lambda: all((bench.place(cell) / "second").exists() for cell in bench.cells))
    time.sleep(0.3)
    assert sorted(bench.run()) == [("finished", "a"), ("finished", "b")]


def test_a_failure_during_a_detached_bench_is_reported_by_the_next_one_and_not_repeated(bench, cell_is):
    note = '\'{"code": 1}\' > "$3/jobs/$GANZOO_JOB.json"'
    cell_is(COUNTS, 'mkdir -p "$3/jobs"', f"echo {note}", 'echo "error: it diverged"', "exit 1")
    bench.run(detach=True)
    wait_until(lambda: len(list(bench.folder.glob("cells/*/jobs/*.json"))) == 2)
    time.sleep(0.3)
    assert bench.run() == [("failed", "it diverged")] * 2
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]


def test_a_bench_killed_before_it_knew_the_id_of_a_job_waits_for_the_process_that_has_the_cell(bench, cell_is):
    cell = bench.cells[0]
    (bench.place(cell) / "lock").mkdir()  # as if the unknown job ran
    write_claim(bench.place(cell), Claim("unknown-job", "toy-engine", 1, 0, True))
    cell_is('if test -e "$3/lock"; then cp "$3/made.json" "$3/result.json.aside"; rmdir "$3/lock"; exit 76; fi',
            COUNTS, ENDS)  # fmt: skip
    assert {each[0] for each in bench.run()} == {"finished"}


def test_a_cell_that_its_engine_stops_is_started_again_and_that_is_no_failure(bench, cell_is):
    cell_is(COUNTS, 'test $(wc -l < "$3/ran") -gt 3 || exit 75', ENDS)
    said = bench.run()
    assert {each[0] for each in said} == {"retried", "finished"}
    assert [bench.runs(cell) for cell in bench.cells] == [4, 4]
    assert not bench.results.failed


def test_a_lost_job_costs_no_attempt_if_the_cell_got_further(bench, cell_is):
    further = 'n=$(wc -l < "$3/ran"); mkdir -p "$3/run/checkpoints/step-0000000$n"'
    cell_is(COUNTS, further, "test $n -gt 7 || kill -9 $$", ENDS)
    said = bench.run()
    assert {each[0] for each in said} == {"finished"}
    assert [bench.runs(cell) for cell in bench.cells] == [8, 8]


def test_a_lost_job_without_progress_is_tried_five_times_in_all(bench, cell_is):
    cell_is(COUNTS, "echo training", "kill -9 $$")
    said = bench.run()
    assert [bench.runs(cell) for cell in bench.cells] == [5, 5]
    assert ("failed", "killed by signal 9; its last line of output was: training") in said


def test_cancel_stops_what_runs_and_forgets_it(bench, cell_is):
    cell_is('echo $$ > "$3/number"', "exec sleep 30")
    bench.run(detach=True)
    wait_until(lambda: all((bench.place(cell) / "number").exists() for cell in bench.cells))
    engine = ToyEngine(ToySettings(), bench.folder / "engine")
    assert cancel(BenchFolder(bench.folder), engine) == 2
    assert all(read_claim(bench.place(cell)) is None for cell in bench.cells)

    def alive(cell):
        try:
            state = Path("/proc", (bench.place(cell) / "number").read_text().strip(), "stat").read_text()
        except OSError:
            return False
        return state.rpartition(")")[2].split()[0] != "Z"

    wait_until(lambda: not any(map(alive, bench.cells)))
    assert cancel(BenchFolder(bench.folder), engine) == 0


def test_cells_of_one_engine_are_not_started_on_another(bench, cell_is, toys, tmp_path):
    write_claim(bench.place(bench.cells[0]), Claim("job", "slurm", 1, 0, True, "4_1"))
    with pytest.raises(ConfigError, match=r"1 cells of .* were given to the engine slurm.*--engine slurm.*--cancel"):
        check_engine(BenchFolder(bench.folder), "local")
    check_engine(BenchFolder(bench.folder), "slurm")


def test_an_engine_out_of_reach_is_asked_again_and_no_cell_is_started_twice(bench, cell_is, monkeypatch):
    cell_is("sleep 0.3", COUNTS, ENDS)
    engine = ToyEngine(ToySettings(), bench.folder / "engine")
    asked, states = [], engine.states

    def answer(ids):
        asked.append(ids)
        if len(asked) < 4:
            raise EngineError("the controller is away")
        return states(ids)

    monkeypatch.setattr(engine, "states", answer)
    assert {each[0] for each in bench.run(engine)} == {"finished"}
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]
    assert bench.heard.unreached == ["the controller is away"] * 3


def test_an_engine_out_of_reach_for_long_ends_the_bench_and_its_jobs_stay_known(bench, cell_is, monkeypatch):
    cell_is("sleep 0.3", COUNTS, ENDS)
    engine = ToyEngine(ToySettings(), bench.folder / "engine")
    monkeypatch.setattr(scheduling, "PATIENCE", 0.1)

    def silent(ids):
        raise EngineError("the controller is away")

    monkeypatch.setattr(engine, "states", silent)
    with pytest.raises(EngineError, match="the controller is away"):
        bench.run(engine)
    assert len(jobs_of(BenchFolder(bench.folder), "toy-engine")) == 2
    assert {each[0] for each in bench.run()} == {"finished"}
    assert [bench.runs(cell) for cell in bench.cells] == [1, 1]


def test_no_more_jobs_are_handed_over_than_asked(bench, cell_is, tmp_path):
    cell_is(f"echo x >> {tmp_path}/now; sleep 0.4; wc -l < {tmp_path}/now >> {tmp_path}/seen", ENDS)
    bench.run(jobs=1)
    assert (tmp_path / "seen").read_text().split()[0] == "1"


def test_the_process_finds_its_job_threads_and_folders(bench, cell_is):
    cell_is('env > "$3/environment"; pwd > "$3/directory"', ENDS)
    bench.run()
    for cell in bench.cells:
        lines = (bench.place(cell) / "environment").read_text().splitlines()
        assert "OMP_NUM_THREADS=1" in lines
        assert any(line.startswith(f"{files.NAME}={cell.id}-") for line in lines)
        assert (bench.place(cell) / "directory").read_text().strip() == os.getcwd()


def test_a_suite_gives_resources_to_its_rows(toys):
    tables = {
        "images": 8, "seeds": 1, "datasets": {"toy": {}}, "resources": {"cpus": 2, "minutes": 30},
        "methods": {"a": {"method": "shift"}, "b": {"method": "shift", "resources": {"cpus": 4, "gpus": 1}}},
    }  # fmt: skip
    a, b = cells_of(parse_suite(tables, "s", "s.toml"), {})
    assert (a.resources.cpus, a.resources.minutes, a.resources.gpus) == (2, 30, None)
    assert (b.resources.cpus, b.resources.minutes, b.resources.gpus) == (4, 30, 1)
    alone = parse_suite({**tables, "resources": {}}, "s", "s.toml")
    assert a.id == cells_of(alone, {})[0].id  # what a cell needs does not make it another cell
    with pytest.raises(ConfigError, match=r"resources.cpus = 0"):
        parse_suite({**tables, "resources": {"cpus": 0}}, "s", "s.toml")
