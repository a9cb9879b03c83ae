"""Each check of engines passes an honest one and catches one that loses, doubles or forgets jobs."""

from __future__ import annotations

import sys

import pytest
from kit_liars import Liars
from pydantic import create_model

from ganzoo.engine import JobState
from ganzoo.testing import engine_checks, parametrize_with_checks
from ganzoo.testing.toy_engines import ToyEngine, ToySettings

LIARS = Liars(ToyEngine)
lie = LIARS.lie


def with_default(**changes):
    """The toy's settings with other defaults."""
    fields = {name: field.default for name, field in ToySettings.model_fields.items()} | changes
    return create_model("Changed", **{name: (type(value), value) for name, value in fields.items()})


def deaf(self, ids):
    """Stops nothing."""


def only_own(self, ids):
    """States of the jobs that this object started."""
    return {each: ToyEngine._state(self, each) if each in self.processes else JobState("ended") for each in ids}


lie("library_is_declared", "is not lower-case", name="Toy Engine")
lie("library_is_declared", "library and install must be given together", library="json")
lie("looks_have_a_pause", "not a number of seconds", poll=0.0)
lie("each_job_runs_once", "a job ran 2 times", Config=with_default(copies=2))
lie("each_job_runs_once", "a job ran 0 times", Config=with_default(lose=1))
lie("each_job_runs_once", "start returned", start=lambda self, jobs: ToyEngine.start(self, jobs)[:2])
lie("states_follow_the_job", "did not run within", Config=with_default(forget=1))
lie("states_follow_the_job", "an id that the engine never gave",
    states=lambda self, ids: {i: JobState("running") if i.endswith("9") else self._state(i) for i in ids})  # fmt: skip
lie("stop_ends_the_job", "did not end after it was stopped", stop=deaf)
lie("a_later_bench_finds_the_jobs", "has ended for a later bench", states=only_own)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(engine_checks, "LONGEST", 6.0)
    monkeypatch.setattr(engine_checks, "SETTLED", 0.3)


@pytest.fixture(autouse=True)
def no_process_is_left(monkeypatch):
    """A job that nobody stops ends by itself, soon."""
    ending = engine_checks.PROGRAM.replace(
        "while waits and", "born = time.time()\nwhile time.time() < born + 8 and waits and"
    )
    monkeypatch.setattr(engine_checks, "PROGRAM", ending)


@parametrize_with_checks([ToyEngine])
def test_an_honest_engine_passes(plugin, check):
    check(plugin)


@pytest.mark.skipif(sys.platform == "win32", reason="the toy needs signals")
def test_a_delay_breaks_no_rule():
    slow = type("Slow", (ToyEngine,), {"Config": with_default(delay=1.0)})
    for check in LIARS.checks.values():
        if check.name != "imports_only_the_contract":
            check(slow)


@LIARS.cases()
def test_a_lie_is_caught_in_words(name, what, cls):
    LIARS.caught(name, what, cls)


def test_every_check_has_a_liar():
    assert LIARS.names | {"imports_only_the_contract"} == set(LIARS.checks)
