"""A budget of seconds becomes steps once for each row."""

import json

import pytest

from ganzoo.benchmark import speed
from ganzoo.benchmark.budget import Budget
from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.speed import steps_of_seconds
from ganzoo.benchmark.suite import parse_suite
from ganzoo.benchmark.work import _with_steps
from ganzoo.errors import GanzooError
from ganzoo.training.timeline import Timeline

SECONDS = {"pretraining": 0.5, "discriminator": 0.25, "refiner": 0.5, "shift": 0.5}


def cell_of(method, seconds=10, seed=0, settings=None):
    tables = {
        "seconds": seconds,
        "methods": {method: {"settings": settings or {}}},
        "datasets": {"toy": {"settings": {"count": 16}}},
        "train": {"batch_size": 4, "device": "cpu"},
    }
    return cells_of(parse_suite(tables, "s", "s.toml"), {})[seed]


@pytest.fixture
def clock(toys, monkeypatch):
    """Updates take exactly SECONDS; the schedules that were timed."""
    timed = []

    def train(method, source, target, config, run_dir, observer, *, paired):
        phases = Timeline(method, 1).at(0).phases
        timed.append(phases)
        observer.seconds_per_step = sum(SECONDS[phase] for phase in phases)

    monkeypatch.setattr(speed, "train", train)
    return timed


def quiet(text):
    pass


def test_a_row_trains_for_the_steps_that_take_its_seconds(clock, tmp_path):
    assert steps_of_seconds(cell_of("shift"), 10, tmp_path, quiet) == 20


def test_a_step_is_timed_once_for_each_set_of_phases(clock, tmp_path):
    settings = {"refiner_pretraining": 4, "discriminator_pretraining": 4, "refiner_updates": 2}
    # 4 steps of .5 s, 4 of .25 s, then steps of two refiner updates and one of the discriminator, 1.25 s each
    assert steps_of_seconds(cell_of("simgan", settings=settings), 8, tmp_path, quiet) == 4 + 4 + 4
    assert clock == [("pretraining",), ("discriminator",), ("refiner", "refiner", "discriminator")]


def test_all_seeds_and_later_attempts_train_for_the_steps_that_were_measured_first(clock, tmp_path, monkeypatch):
    first = steps_of_seconds(cell_of("shift"), 10, tmp_path, quiet)
    monkeypatch.setitem(SECONDS, "shift", 0.1)
    assert [steps_of_seconds(cell_of("shift", seed=seed), 10, tmp_path, quiet) for seed in (0, 1, 2)] == [first] * 3
    assert len(clock) == 1


def test_the_cell_that_measured_first_decides(clock, tmp_path):
    file = tmp_path / "steps" / f"{cell_of('shift').row_id}.json"
    speed._keep(file, {"steps": 7})
    speed._keep(file, {"steps": 9})
    assert json.loads(file.read_text()) == {"steps": 7}
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_rows_of_other_settings_are_measured_apart(clock, tmp_path):
    steps_of_seconds(cell_of("shift"), 10, tmp_path, quiet)
    steps_of_seconds(cell_of("shift", settings={"lr": 0.5}), 10, tmp_path, quiet)
    assert len(clock) == 2


def test_damaged_steps_are_named_with_what_to_do(clock, tmp_path):
    file = tmp_path / "steps" / f"{cell_of('shift').row_id}.json"
    file.parent.mkdir()
    file.write_text('{"steps": "many"}')
    with pytest.raises(GanzooError, match=r"shift-toy-\w+\.json is damaged; delete it"):
        steps_of_seconds(cell_of("shift"), 10, tmp_path, quiet)


def test_the_plan_of_a_cell_has_the_steps_and_a_method_that_trains_nothing_is_not_timed(clock, tmp_path):
    assert _with_steps(cell_of("shift"), tmp_path).train.steps == 20
    assert _with_steps(cell_of("identity"), tmp_path).train.steps == 0
    assert clock == [("shift",)]


def test_a_real_clock_times_real_steps(toys, tmp_path):
    cell = cell_of("shift", seconds=1)
    assert cell.budget == Budget("seconds", 1)
    steps = steps_of_seconds(cell, 1, tmp_path, quiet)
    kept = json.loads((tmp_path / "steps" / f"{cell.row_id}.json").read_text())
    took = kept["seconds_per_step"]["shift"]
    assert took > 0
    assert steps == pytest.approx(1 / took, rel=0.01, abs=1)
