"""Each check of metrics passes an honest one and catches a liar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from honest_metric import Honest
from kit_liars import Liars

from ganzoo.capabilities import Predicts, Refines
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import MakesSamples, Score
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, RegressionTask
from ganzoo.testing import CheckFailed, CheckSkipped, configured, parametrize_with_checks

LIARS = Liars(Honest)
lie = LIARS.lie


def scored(**change):
    """The honest scores with other fields."""
    return lambda self, data: [replace(score, **change) for score in Honest.measure(self, data)]


def after(act):
    """The honest scores, after `act` on the evaluation."""

    def measure(self, data):
        scores = Honest.measure(self, data)
        act(data)
        return scores

    return measure


def without_test(data):
    return data.dataset.target_test() is None


lie("metric_declares_itself", "is not lower-case", name="Honest Metric")
lie("metric_declares_itself", "is not a sentence", summary="gap")
lie("metric_declares_itself", "not a tuple of capabilities", needs=())
lie("metric_declares_itself", "not a tuple of capabilities", needs=(ClassTask,))
lie("metric_declares_itself", "not a tuple of tasks", tasks=(ClassTask(3),))
lie("metric_declares_itself", "kinds is ('picture',)", kinds=("picture",))


class Undescribed(Settings):
    power: float = 1.0


lie("config_is_frozen_and_described", "the description of 'power'", Config=Undescribed)
needed = "every_needed_method_is_measured"
lie(needed, "no score of subject 'method'", measure=scored(subject="constant"))
lie(needed, "raised AttributeError", measure=after(lambda data: data.method.refine(torch.zeros(1, 1, 36, 60))))
lie(needed, "not a sequence of Score", measure=lambda self, data: {"gap": 1.0})
whole = "scores_are_whole"
lie(whole, "is empty or has a space", measure=scored(name="the gap"))
lie(whole, "given twice", measure=lambda self, data: 2 * Honest.measure(self, data))
lie(whole, "better is 'less'", measure=scored(better="less"))
lie(whole, "not finite", measure=scored(value=float("nan")))
lie(whole, "not a plain float", measure=scored(value=np.float32(1.5)))
lie(whole, "outside its interval", measure=scored(low=1e6, high=2e6))
lie(whole, "one end of an interval", measure=scored(low=None))
lie(whole, "neither a value nor a reason", measure=scored(value=None))
lie(whole, "not a Score", measure=lambda self, data: [Honest.measure(self, data)[0].value])
lie("scores_carry_cards", "has no card", measure=scored(card={}))
lie("scores_carry_cards", "cannot be written as JSON", measure=scored(card={"weights": Path("w")}))
one_card = "seeds_share_a_card"
lie(one_card, "seed in the card of gap", measure=lambda self, data: scored(card={"seed": data.seed})(self, data))
lie(
    one_card,
    "interval in the card of gap",
    measure=lambda self, data: scored(card={"images": 48, "interval": f"bootstrap, seed {data.seed}"})(self, data),
)
lie(
    one_card,
    "made in the card of gap",
    measure=lambda self, data: scored(card={"made": data.made().fingerprint()})(self, data),
)
lie(
    "baselines_are_of_the_data",
    "gap of shuffled differ",
    measure=lambda self, data: [*Honest.measure(self, data), *scored(subject="shuffled")(self, data)],
)
lie(
    "same_scores_again",
    "gap differ",
    measure=lambda self, data: scored(value=float(np.random.rand()), low=0.0, high=1.0)(self, data),
)
lie(
    "same_scores_again",
    "gap differ",
    measure=lambda self, data: scored(card={"drawn": float(torch.rand(()))})(self, data),
)


def trains(data):
    data.method.network.requires_grad_(True)
    data.method.scale.mul_(0.5)


def darkens(data):
    data.domain("target").images[:] //= 2


nothing = "measuring_changes_nothing"
lie(nothing, "it changes scale", measure=after(trains))
lie(nothing, "training mode", measure=after(lambda data: data.method.train()))
lie(nothing, "requires_grad", measure=after(lambda data: data.method.requires_grad_(True)))
lie(nothing, "images or labels of target", measure=after(darkens))
missing = "what_is_missing_is_said"
lie(missing, "raised AttributeError", measure=after(lambda data: data.dataset.target_test().labels))
lie(missing, "raised IndexError", measure=after(lambda data: data.made().images[3]))
lie(
    missing,
    "not finite",
    measure=lambda self, data: (
        scored(value=float("inf"))(self, data) if without_test(data) else Honest.measure(self, data)
    ),
)


def silent(self, data):
    if without_test(data):
        raise MetricUnavailableError
    return Honest.measure(self, data)


lie(missing, "without a reason", measure=silent)


@parametrize_with_checks([Honest])
def test_an_honest_metric_passes(plugin, check):
    check(plugin)


@LIARS.cases()
def test_a_lie_is_caught_in_words(name, what, cls):
    LIARS.caught(name, what, cls)


def test_every_check_has_a_liar():
    assert LIARS.names | {"imports_only_the_contract"} == set(LIARS.checks)


def test_a_metric_that_cannot_be_measured_here_is_skipped_with_its_reason():
    def measure(self, data):
        raise MetricUnavailableError("the weights are not here")

    with pytest.raises(CheckSkipped, match="the weights are not here"):
        LIARS.checks[whole](type("Absent", (Honest,), {"measure": measure}))


def test_a_lie_is_caught_although_other_cases_cannot_be_measured():
    def measure(self, data):
        if isinstance(data.method, Refines):
            raise MetricUnavailableError("refined images are not measured")
        return scored(value=None)(self, data)

    with pytest.raises(CheckFailed, match="neither a value nor a reason"):
        LIARS.checks[whole](type("Partly", (Honest,), {"measure": measure}))


def test_a_metric_of_predictions_is_given_a_predictor_alone():
    seen = []

    def measure(self, data):
        seen.append(type(data.method).__name__)
        return (
            Honest(self.config).measure(data) if isinstance(data.method, Refines) else [Score("a", 0.0, card={"b": 1})]
        )

    LIARS.checks[needed](
        type("Predicted", (Honest,), {"needs": (Predicts,), "tasks": (ClassTask,), "measure": measure})
    )
    assert seen == ["ToyPredict"]


def seen_by(**members):
    """What a metric with such members is measured with."""
    seen = []

    def measure(self, data):
        seen.append((type(data.method).__name__, data.spec.sample.kind, data.spec.task.name))
        return [Score("a", 0.0, card={"b": 1})]

    LIARS.checks[needed](type("Seeing", (Honest,), {"measure": measure, **members}))
    return seen


def test_a_metric_of_points_is_measured_on_points():
    assert {kind for _, kind, _ in seen_by(kinds=("image", "vector"))} == {"image", "vector"}
    assert {kind for _, kind, _ in seen_by(kinds=("vector",))} == {"vector"}


def test_a_metric_for_any_task_is_measured_with_one_and_without():
    assert {task for *_, task in seen_by()} == {"class", "none"}


def test_a_metric_of_regression_is_measured_with_it():
    assert {task for *_, task in seen_by(tasks=(RegressionTask,))} == {"regression"}


def test_a_metric_of_all_that_looks_real_is_measured_with_every_such_capability():
    made = {name for name, *_ in seen_by(needs=(MakesSamples,))}
    assert {"ToyRefine", "ToyGenerate", "ToyGenerateLabelled"} <= made
    assert "ToyPredict" not in made


def small(cls):
    """With the kit's extractor, and networks that are fitted for a moment."""
    wanted = {"extractors": "toy-pixels", "steps": 2, "network": "small"}
    return configured(cls, **{name: value for name, value in wanted.items() if name in cls.Config.model_fields})


INSTALLED = [cls for cls in registry().found["metrics"].values() if cls.__module__.startswith("ganzoo")]


@parametrize_with_checks([small(cls) for cls in INSTALLED])
def test_every_installed_metric_keeps_the_contract(plugin, check):
    check(plugin)
