"""The declaration of a criterion, and the rules for its readings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from ganzoo.criterion import Candidate, Criterion, OtherRun, Outputs, Reading
from ganzoo.errors import CriterionUnavailableError
from ganzoo.task import ClassTask, GazeTask, RegressionTask, Task
from ganzoo.testing.checks import check, require, violate
from ganzoo.testing.declaration import words_are_given
from ganzoo.testing.surroundings import other_random_state

COUNT, SHAPE = 24, (1, 36, 60)
TASKS: tuple[Task, ...] = (GazeTask(), ClassTask(3), RegressionTask(2, "mm"))


@check(
    Criterion,
    why="These words alone decide which runs a criterion orders, and in which direction.",
    fix='Write name = "lower-case", summary = "One sentence.", better = "lower" or "higher"; tasks holds classes of '
    "ganzoo.task, and is empty if any task will do.",
)
def criterion_declares_itself(cls: type[Criterion]) -> None:
    """It has a lower-case name, a summary of one sentence, a direction, and the tasks that it applies to."""
    words_are_given(cls)
    better = getattr(cls, "better", None)
    require(better in ("lower", "higher"), f'better is {better!r}, not "lower" or "higher"')
    tasks = cls.tasks
    good = isinstance(tasks, tuple) and all(isinstance(task, type) and issubclass(task, Task) for task in tasks)
    require(good, f"tasks is {tasks!r}, not a tuple of tasks")
    require(isinstance(cls.compares, bool), f"compares is {cls.compares!r}, not True or False")
    wrong = [name for name in cls.checked_at_most if name not in cls.Config.model_fields]
    require(not wrong, f"checked_at_most names {', '.join(wrong)}, which is not a setting")


@check(
    Criterion,
    why="A choice is the run with the lowest or highest value; anything but a finite number cannot be ordered.",
    fix="Return Reading(value, unit=..., facts={...}) with finite floats.",
)
def readings_are_numbers(cls: type[Criterion]) -> None:
    """For a usual run of each task that it names, it returns a Reading with a finite value and finite facts."""
    for task in _tasks(cls):
        reading = _read(cls, candidate(task))
        require(isinstance(reading, Reading), f"it returns a {type(reading).__name__}, not a Reading")
        for name, value in {"value": reading.value, **reading.facts}.items():
            good = isinstance(value, float | int) and math.isfinite(value)
            require(good, f"{name} is {value!r}, not a finite number ({task.name})")


@check(
    Criterion,
    why="Readings are kept and compared with those of runs that are read later.",
    fix="Seed what is drawn from a setting: numpy.random.default_rng(self.config.seed).",
)
def same_reading_again(cls: type[Criterion]) -> None:
    """Read again, with other global random states, a run has the same value."""
    for task in _tasks(cls):
        first = _read(cls, candidate(task))
        with other_random_state():
            again = _read(cls, candidate(task))
        require(_near(first.value, again.value), f"the value is {first.value} and then {again.value} ({task.name})")


@check(
    Criterion,
    why="All criteria read the same arrays; a change by one of them falsifies the next.",
    fix="Copy an array before you change it.",
)
def reading_changes_no_array(cls: type[Criterion]) -> None:
    """The images, labels and predictions that it is given are as before."""
    for task in _tasks(cls):
        given = candidate(task)
        before = {name: array.copy() for name, array in _arrays(given).items()}
        _read(cls, given)
        changed = [name for name, array in _arrays(given).items() if not np.array_equal(array, before[name])]
        require(not changed, f"it changes {', '.join(changed)}")


@check(
    Criterion,
    why="The order of runs means nothing, and whether other runs matter decides what must be read again.",
    fix="Sort the runs or use sums that do not depend on their order; set compares = True if `others` is read.",
)
def other_runs_have_no_order(cls: type[Criterion]) -> None:
    """The order of the other runs does not change the value; nor do the runs themselves, unless it compares."""
    for task in _tasks(cls):
        given = candidate(task)
        value = _read(cls, given).value
        turned = _read(cls, replace(given, others=tuple(reversed(given.others)))).value
        require(_near(value, turned), f"the value is {value}, and {turned} for other runs in another order")
        if not cls.compares:
            try:
                alone = _read(cls, replace(given, others=())).value
            except CriterionUnavailableError:
                violate("it needs other runs, but compares is False")
            require(_near(value, alone), f"the value is {value}, and {alone} without other runs, but compares is False")


@check(
    Criterion,
    why="One run that has collapsed must not end a bench.",
    fix="Raise CriterionUnavailableError with a sentence where a division or a logarithm has no value.",
)
def a_constant_is_read_or_refused(cls: type[Criterion]) -> None:
    """For a run that predicts one label for everything, it gives a finite value or a reason."""
    for task in _tasks(cls):
        try:
            reading = _read(cls, candidate(task, constant=True))
        except CriterionUnavailableError as error:
            require(str(error).strip(), "it raises CriterionUnavailableError without a reason")
            continue
        require(math.isfinite(reading.value), f"its value for a constant is {reading.value} ({task.name})")


def candidate(task: Task, *, constant: bool = False) -> Candidate:
    """A run on random images, with a network that reads a few numbers from the pixels, among five others."""
    random = np.random.default_rng(0)
    source, target = (random.integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8) for _ in range(2))
    weights = random.normal(size=(task.output_size, int(np.prod(SHAPE)))).astype(np.float32)

    def seen(images: np.ndarray) -> Outputs:
        features = images.reshape(len(images), -1).astype(np.float32) / 255 - 0.5
        features = np.zeros_like(features) if constant else features
        return Outputs((features @ weights.T) / 4, features[:, :16])

    def predict(images: np.ndarray) -> np.ndarray:
        made: np.ndarray = task.decode(torch.from_numpy(seen(images).outputs)).float().numpy()
        return made

    def labels(seed: int) -> np.ndarray:
        drawn = np.random.default_rng(seed).normal(size=(COUNT, task.output_size)).astype(np.float32)
        made: np.ndarray = task.decode(torch.from_numpy(drawn)).float().numpy()
        return made

    others = [OtherRun(f"{family}-{seed}", family, labels(seed)) for seed, family in enumerate("aabbc", start=10)]
    return Candidate(
        name="c-0", family="c", task=task,
        training_labels=labels(1), source_images=source, source_labels=labels(2), source_predictions=predict(source),
        target_images=target, target_predictions=predict(target), others=tuple(others), predict=predict, outputs=seen,
    )  # fmt: skip


def _tasks(cls: type[Criterion]) -> Iterator[Task]:
    for task in TASKS:
        if not cls.tasks or isinstance(task, cls.tasks):
            yield task


def _read(cls: type[Criterion], given: Candidate) -> Reading:
    usual = cls.Config()
    sizes = {name: min(limit, getattr(usual, name)) for name, limit in cls.checked_at_most.items()}
    return cls(cls.Config(**sizes)).read(given)


def _arrays(given: Candidate) -> dict[str, np.ndarray]:
    found: dict[str, Any] = {each.name: getattr(given, each.name) for each in fields(given)}
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    return {**arrays, **{f"the predictions of {run.name}": run.target_predictions for run in given.others}}


def _near(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12)
