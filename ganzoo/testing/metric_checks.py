"""The declaration of a metric, and the rules for its scores."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from ganzoo.batch import DataSpec
from ganzoo.cache import cache_folder
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method
from ganzoo.metric import MakesSamples, Metric, Score
from ganzoo.task import ClassTask, GazeTask, NoTask, RegressionTask, Task
from ganzoo.testing import toy
from ganzoo.testing.checks import check, require, skip, violate
from ganzoo.testing.declaration import words_are_given
from ganzoo.testing.surroundings import environment, other_random_state
from ganzoo.testing.toy_evaluation import SAMPLES, evaluation, spec_of

Scores = Sequence[Score]


@check(
    Metric,
    why="These words alone decide for which methods, samples and tasks a metric is measured.",
    fix='Write name = "lower-case", summary = "One sentence." and needs = (Refines, ...), from ganzoo.capabilities; '
    'kinds holds "image" or "vector"; tasks holds classes of ganzoo.task, and is empty if any task will do.',
)
def metric_declares_itself(cls: type[Metric]) -> None:
    """It has a lower-case name, a summary of one sentence, and the capabilities, kinds and tasks that it applies to."""
    words_are_given(cls)
    needs, tasks = getattr(cls, "needs", ()), cls.tasks
    good = isinstance(needs, tuple) and needs and all(need in _known() for need in needs)
    require(good, f"needs is {needs!r}, not a tuple of capabilities")
    good = isinstance(tasks, tuple) and all(isinstance(task, type) and issubclass(task, Task) for task in tasks)
    require(good, f"tasks is {tasks!r}, not a tuple of tasks")
    good = isinstance(cls.kinds, tuple) and cls.kinds and {*cls.kinds} <= {*SAMPLES}
    require(good, f"kinds is {cls.kinds!r}, not a tuple of {', '.join(SAMPLES)}")


@check(
    Metric,
    why="A metric that crashes or stays silent leaves a gap in the table.",
    fix="Check `isinstance(data.method, Refines)` and so on before use, work on uint8 images of any size, and raise "
    "MetricUnavailableError with a sentence if something is missing.",
)
def every_needed_method_is_measured(cls: type[Metric]) -> None:
    """A method with one of the needed capabilities gets scores of its own, for each kind and task."""
    for can, spec, scores in _measured_all(cls):
        mine = [score for score in scores if score.subject == "method"]
        data = f"{spec.sample.kind}s, {type(spec.task).__name__}"
        require(mine, f"there is no score of subject 'method' for a method that can {can.name} ({data})")


@check(
    Metric,
    why="Tables, tests of significance and reports read these fields, and compare only numbers.",
    fix='Return Score(name, value, unit=..., better="lower" or "higher", low=..., high=...); if there is no value, '
    "Score(name, None, reason=...).",
)
def scores_are_whole(cls: type[Metric]) -> None:
    """Every score has a name of its own, and a finite value within its interval or a reason for its absence."""
    for _, _, scores in _measured_all(cls):
        known: set[tuple[str, str]] = set()
        for score in scores:
            require(isinstance(score, Score), f"it returns a {type(score).__name__}, not a Score")
            require(score.name and " " not in score.name, f"the name {score.name!r} is empty or has a space")
            require((score.name, score.subject) not in known, f"{score.name} of {score.subject} is given twice")
            known.add((score.name, score.subject))
            require(score.better in ("lower", "higher", ""), f"{score.name}: better is {score.better!r}")
            _value_is_whole(score)


@check(
    Metric,
    why="Scores with different cards are never ranked together; without a card they cannot be distinguished.",
    fix="Give card={...} with what the number depends on: the part measured on, counts, extractor, versions, and the "
    "seeds that are settings of the metric.",
)
def scores_carry_cards(cls: type[Metric]) -> None:
    """Every score that has a value has a card, which can be written as JSON."""
    for _, _, scores in _measured_all(cls):
        for score in scores:
            require(score.card or score.value is None, f"{score.name} has no card")
            require(isinstance(score.card, Mapping), f"the card of {score.name} is not a mapping")
            try:
                json.dumps(score.card)
            except (TypeError, ValueError) as error:
                violate(f"the card of {score.name} cannot be written as JSON: {error}")


@check(
    Metric,
    why="A table shows the mean over the runs of several seeds only if all have one card; otherwise it shows each seed "
    "by itself.",
    fix="Leave out of the card what differs between runs: data.seed, weights, generated images, and measured numbers.",
)
def seeds_share_a_card(cls: type[Metric]) -> None:
    """Runs with two seeds, on the same data, give each score the same card."""
    for can, spec, first in _measured_all(cls):
        other = {(score.name, score.subject): score.card for score in _measure(cls, evaluation(can, spec, seed=1))}
        for score in first:
            card = other.get((score.name, score.subject), score.card)
            keys = sorted(key for key in {*score.card, *card} if score.card.get(key) != card.get(key))
            require(not keys, f"{', '.join(keys)} in the card of {score.name} differ between two seeds")


@check(
    Metric,
    why="A table shows each baseline once for all methods, with the value of one of them.",
    fix='Give what depends on the method, such as a control made of its samples, the subject "method" and a name of '
    "its own.",
)
def baselines_are_of_the_data(cls: type[Metric]) -> None:
    """For another method on the same data, the scores of all subjects but the method are the same."""
    for can, spec, first in _measured_all(cls):
        others = _measure(cls, evaluation(can, spec, weights=1))
        values = [{(s.name, s.subject): s.value for s in each if s.subject != "method"} for each in (first, others)]
        changed = sorted({key for key in values[0].keys() & values[1].keys() if values[0][key] != values[1][key]})
        said = ", ".join(f"{name} of {subject}" for name, subject in changed)
        require(not changed, f"{said} differ between two methods")


@check(
    Metric,
    why="A difference between two methods must not come from the metric's own randomness.",
    fix="Seed what is drawn from data.seed or the settings (numpy.random.default_rng(seed)), fit through data.fit.",
)
def same_scores_again(cls: type[Metric]) -> None:
    """Measured again, from scratch and with other global random states, it gives the same values and cards."""
    for can, spec, first in _measured_all(cls):
        data = evaluation(can, spec)
        with suppress(MetricUnavailableError):
            data.made()  # as another metric may have done: generating them seeds torch
        with other_random_state(), _fresh_networks():
            again = cls(cls.Config()).measure(data)
        values = [{(s.name, s.subject): (s.value, s.low, s.high, s.card) for s in each} for each in (first, again)]
        changed = sorted({name for name, _ in values[0].keys() | values[1].keys() if not _agree(name, *values)})
        require(not changed, f"{', '.join(changed)} differ when measured again")


@check(
    Metric,
    why="Metrics run one after the other on one method; a change by one of them falsifies the next, and the run.",
    fix="Use the method as it is, in eval mode and frozen; train networks of your own, through data.fit.",
)
def measuring_changes_nothing(cls: type[Metric]) -> None:
    """The method's weights, buffers, gradients and modes are as before, and so are the dataset's images and labels."""
    for can, spec, _ in _measured_all(cls):
        data = evaluation(can, spec)
        before, modes = toy.state(data.method), _modes(data.method)
        prints = {name: data.domain(name).fingerprint() for name in ("source", "target", "source_test", "target_test")}
        _measure(cls, data)
        changed = toy.differences(before, toy.state(data.method))
        require(not changed, f"it changes {', '.join(changed)} of the method")
        require(_modes(data.method) == modes, "it changes training mode, requires_grad or gradients of the method")
        for name, print_ in prints.items():
            require(data.domain(name).fingerprint() == print_, f"it changes images or labels of {name}")  # type: ignore[arg-type]


@check(
    Metric,
    why="Many datasets have no test part, or only a few images; the other metrics must still be measured.",
    fix="Get domains through data.domain, which reports what is absent, and raise MetricUnavailableError if too few "
    "images are left.",
)
def what_is_missing_is_said(cls: type[Metric]) -> None:
    """Without test parts, and with three images, it gives scores, or raises MetricUnavailableError with a sentence."""
    for can, spec in _cases(cls):
        for data in (evaluation(can, spec, tests=False), evaluation(can, spec, count=3)):
            try:
                scores = cls(cls.Config()).measure(data)
            except MetricUnavailableError as error:
                require(str(error).strip(), "it raises MetricUnavailableError without a reason")
                continue
            for score in scores:
                _value_is_whole(score)


def _known() -> set[type]:
    return {MakesSamples, *(kind.protocol for kind in _capabilities())}


def _capabilities() -> list[type[Capability]]:
    return list(registry().found["capabilities"].values())


def _cases(cls: type[Metric]) -> Iterator[tuple[type[Capability], DataSpec]]:
    """Every capability that the metric needs, with toy data of each kind of samples and of the tasks that it measures.

    A metric for any task is measured with one and, if no labels are required, with none.
    """
    tasks: tuple[Task, ...] = (GazeTask(), ClassTask(3), RegressionTask(2, "px"))
    fitting = [task for task in tasks if isinstance(task, cls.tasks)] if cls.tasks else [ClassTask(3), NoTask()]
    if not fitting:
        skip("the kit has no toy data for its tasks")
    found = False
    for can in _capabilities():
        realistic = MakesSamples in cls.needs and can.realism is not None
        if not realistic and can.protocol not in cls.needs:
            continue
        for kind, task in product(cls.kinds, fitting):
            spec = spec_of(can, kind, task)
            labels = can.makes == "labels" and isinstance(task, NoTask)
            if not labels and all(_is_there(spec, argument) for argument in can.arguments):
                found = True
                yield can, spec
    if not found:
        skip("the kit has no toy for what it needs")


def _is_there(spec: DataSpec, argument: Argument) -> bool:
    """Whether data have an input of a capability: codes, for example, are not data."""
    return not argument.column or f"{argument.side}_{argument.column}" in spec.columns


def _measured_all(cls: type[Metric]) -> Iterator[tuple[type[Capability], DataSpec, Scores]]:
    """Every case that can be measured here. Skips the check if there is none."""
    reasons, measured = [], False
    for number, (can, spec) in enumerate(_cases(cls)):
        try:
            scores = _measured(cls, can, number)
        except MetricUnavailableError as error:
            reasons.append(str(error))
            continue
        measured = True
        yield can, spec, scores
    if not measured:
        skip(f"it cannot be measured here: {reasons[0]}")


@lru_cache(maxsize=64)
def _measured(cls: type[Metric], can: type[Capability], number: int) -> Scores:
    """Case `number`, measured once for all checks that only read the scores."""
    return _measure(cls, evaluation(can, list(_cases(cls))[number][1]))


def _measure(cls: type[Metric], data: Any) -> Scores:
    scores = cls(cls.Config()).measure(data)
    require(isinstance(scores, Sequence), f"measure returns a {type(scores).__name__}, not a sequence of Score")
    return scores


def _value_is_whole(score: Score) -> None:
    if score.value is None:
        require(score.reason.strip(), f"{score.name} has neither a value nor a reason")
        return
    numbers = [score.value, *(bound for bound in (score.low, score.high) if bound is not None)]
    plain = all(type(number) in (int, float) for number in numbers)
    require(plain, f"{score.name} is a {type(score.value).__name__}, not a plain float")
    require(all(map(math.isfinite, numbers)), f"{score.name} is {numbers}, which is not finite")
    require((score.low is None) == (score.high is None), f"{score.name} has only one end of an interval")
    if score.low is not None and score.high is not None:
        inside = score.low <= score.value <= score.high
        require(inside, f"{score.name} is {score.value}, outside its interval {score.low} to {score.high}")


def _agree(name: str, one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    keys = [key for key in one.keys() | other.keys() if key[0] == name]
    return all(key in one and key in other and one[key] == other[key] for key in keys)


def _modes(method: Method) -> list[Any]:
    modes: list[Any] = [module.training for module in method.modules()]
    return modes + [(p.requires_grad, p.grad is None) for p in method.parameters()]


@contextmanager
def _fresh_networks() -> Iterator[None]:
    """A cache without fitted networks, so that they are fitted again; downloads are kept."""
    root = cache_folder("")
    with tempfile.TemporaryDirectory() as folder, environment(GANZOO_CACHE=folder):
        for kept in root.iterdir() if root.is_dir() else ():
            if kept.name != "networks":
                (Path(folder) / kept.name).symlink_to(kept)
        yield
