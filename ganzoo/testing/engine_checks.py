"""The declaration of an engine, and jobs that it starts, shows and stops."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ganzoo.engine import LOG, Engine, Job, JobState
from ganzoo.errors import EngineError
from ganzoo.testing.checks import check, require, skip

LONGEST = 120.0  # seconds that an engine may take to start or end a job of nothing
SETTLED = 1.0  # seconds after which a job that is started twice has run twice
PROGRAM = """
import os, sys, threading, time
if os.environ.get("GANZOO_TIED"):
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(75)), daemon=True).start()
folder, waits = sys.argv[1], sys.argv[2] == "wait"
with open(os.path.join(folder, "ran"), "a") as file:
    file.write(os.environ["CHECKED"] + " " + os.getcwd() + "\\n")
print("said by", os.environ["CHECKED"], flush=True)
while waits and not os.path.exists(os.path.join(folder, "go")):
    with open(os.path.join(folder, "beat"), "w") as file:
        file.write(str(time.time()))
    time.sleep(0.1)
sys.exit(7)
"""


@check(
    Engine,
    why="The bench waits this long between two looks at its jobs; without a pause it would do nothing else.",
    fix="Write poll = 1.0, or another positive number of seconds.",
)
def looks_have_a_pause(cls: type[Engine]) -> None:
    """Its `poll` is a positive number of seconds."""
    require(cls.poll > 0, f"poll is {cls.poll}, not a number of seconds")


@check(
    Engine,
    why="A job that is lost costs an attempt, and one that runs twice costs a machine.",
    fix="Start each job of `start` once, and return one id for each, in the same order.",
)
def each_job_runs_once(cls: type[Engine]) -> None:
    """Every job runs, once, in its directory with its environment; its output is in its folder."""
    with _engine(cls) as (engine, root):
        jobs = [_job(root, f"job-{number}") for number in range(3)]
        ids = engine.start(jobs)
        require(len(ids) == 3 and len(set(ids)) == 3, f"start returned {ids!r} for three jobs")
        require(all(isinstance(each, str) and each for each in ids), f"start returned {ids!r}, not ids as text")
        ended = _until(engine, ids, lambda states: all(each.phase == "ended" for each in states.values()), "end")
        time.sleep(SETTLED)
        for job, each in zip(jobs, ids, strict=True):
            ran = _text(job.folder / "ran").splitlines()
            require(len(ran) == 1, f"a job ran {len(ran)} times")
            require(ran == [f"{job.name} {job.directory}"], f"{job.name} ran with another environment or folder: {ran}")
            require(f"said by {job.name}" in _text(job.folder / LOG), f"its output is not in {LOG} of the job's folder")
            code = ended[each].code
            require(code in (7, None), f"a job that ended with exit code 7 is said to have ended with {code}")


@check(
    Engine,
    why="The bench starts a cell again whose job has ended, and waits for one that has not.",
    fix='Return JobState("waiting") or "running" until the process has ended, and "ended" for any unknown id.',
)
def states_follow_the_job(cls: type[Engine]) -> None:
    """A job is waiting or running until its process ends, then ended; an id that nobody knows has ended."""
    with _engine(cls) as (engine, root):
        job = _job(root, "long", waits=True)
        ids = engine.start([job])
        _until(engine, ids, lambda states: states[ids[0]].phase == "running", "run")
        _wait_for(job.folder / "ran")
        for _ in range(3):
            phase = engine.states(ids)[ids[0]].phase
            require(phase != "ended", "a job is said to have ended that still runs")
            time.sleep(0.3)
        unknown = f"{ids[0]}9"
        states = engine.states([*ids, unknown])
        require(unknown in states and states[unknown].phase == "ended", "an id that the engine never gave is alive")
        (job.folder / "go").touch()
        _until(engine, ids, lambda states: states[ids[0]].phase == "ended", "end")


@check(
    Engine,
    why="A job that cannot be stopped goes on costing.",
    fix="End the process of a job in `stop`, forget jobs that wait, and ignore ids that have ended.",
)
def stop_ends_the_job(cls: type[Engine]) -> None:
    """A job that is stopped ends, and so does every other that is asked to; stopping it again is harmless."""
    with _engine(cls) as (engine, root):
        job = _job(root, "endless", waits=True)
        ids = engine.start([job])
        _wait_for(job.folder / "beat")
        engine.stop(ids)
        _until(engine, ids, lambda states: states[ids[0]].phase == "ended", "end after it was stopped")
        limit = time.monotonic() + 30
        while time.time() - float(_text(job.folder / "beat") or 0) < 2 and time.monotonic() < limit:
            time.sleep(0.2)
        require(time.time() - float(_text(job.folder / "beat") or 0) >= 2, "its process goes on after `stop`")
        engine.stop(ids)


@check(
    Engine,
    why="The machine on which a bench was typed may be switched off; its cells must not be started a second time.",
    fix="Find jobs by their ids alone, in `states` and in `stop`; or set outlives = False and end all jobs in `stop`.",
)
def a_later_bench_finds_the_jobs(cls: type[Engine]) -> None:
    """If its jobs outlive the bench, a new object finds and stops them by their ids."""
    with _engine(cls) as (engine, root):
        if not engine.outlives:
            skip("its jobs end with the bench")
        job = _job(root, "left", waits=True)
        ids = engine.start([job])
        _wait_for(job.folder / "beat")
        engine.close()
        later = cls(engine.config, engine.folder)
        require(later.states(ids)[ids[0]].phase != "ended", "a job that still runs has ended for a later bench")
        later.stop(ids)
        _until(later, ids, lambda states: states[ids[0]].phase == "ended", "end after a later bench stopped it")


@contextmanager
def _engine(cls: type[Engine]) -> Iterator[tuple[Engine, Path]]:
    """The engine with its default settings, and a folder for jobs."""
    if cls.library and find_spec(cls.library) is None:
        skip(f"its library {cls.library} is not installed; {cls.install}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        root = Path(place).resolve()
        try:
            engine = cls(cls.Config(), root / "engine")
        except EngineError as error:
            skip(f"it cannot be reached here: {error}")
        try:
            yield engine, root
        finally:
            engine.close()


def _job(root: Path, name: str, waits: bool = False) -> Job:
    folder, directory = root / "jobs" / name, root / "directory"
    for each in (folder, directory):
        each.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-c", PROGRAM, str(folder), "wait" if waits else "end")
    return Job(name, command, folder, directory, {"CHECKED": name})


def _until(
    engine: Engine, ids: Sequence[str], met: Callable[[Mapping[str, JobState]], bool], what: str
) -> Mapping[str, JobState]:
    limit = time.monotonic() + LONGEST
    while True:
        states = engine.states(ids)
        require(set(ids) <= set(states), f"states({list(ids)}) says nothing of {sorted(set(ids) - set(states))}")
        if met(states):
            return states
        require(time.monotonic() < limit, f"a job did not {what} within {LONGEST:.0f} seconds: {dict(states)}")
        time.sleep(min(engine.poll, 0.5))


def _wait_for(file: Path) -> None:
    limit = time.monotonic() + LONGEST
    while not file.exists():
        require(time.monotonic() < limit, f"a job did not run within {LONGEST:.0f} seconds")
        time.sleep(0.1)
    time.sleep(0.2)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""
