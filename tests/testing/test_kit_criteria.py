"""Each check of criteria passes ganzoo's own and catches a liar."""

from __future__ import annotations

import numpy as np
import pytest
from kit_liars import Liars
from pydantic import Field

from ganzoo.criterion import Criterion, Reading
from ganzoo.discovery.registry import registry
from ganzoo.errors import CriterionUnavailableError
from ganzoo.settings import Settings
from ganzoo.testing import generate_checks, parametrize_with_checks


class HonestConfig(Settings):
    power: float = Field(1.0, gt=0, description="The gap is raised to it.")


class Honest(Criterion):
    """The distance of the mean predictions."""

    name = "honest"
    summary = "How far the mean prediction is from the mean label."
    better = "lower"
    Config = HonestConfig

    def read(self, candidate):
        gap = np.abs(candidate.target_predictions.mean(0) - candidate.training_labels.mean(0)).max()
        return Reading(float(gap) ** self.config.power, "", {"images": len(candidate.target_images)})


CRITERIA = Liars(Honest)
lie = CRITERIA.lie


def brighter(self, candidate):
    candidate.target_images[:] = 0
    return Honest.read(self, candidate)


def first_of_others(self, candidate):
    return Reading(float(candidate.others[0].target_predictions.mean()) if candidate.others else 0.5)


def silent(self, candidate):
    if candidate.target_predictions.std(0).max() == 0:
        raise CriterionUnavailableError("")
    return Honest.read(self, candidate)


class Plain(Settings):
    power: float = 1.0


lie("criterion_declares_itself", "is not lower-case", name="Honest")
lie("criterion_declares_itself", "better is 'less'", better="less")
lie("criterion_declares_itself", "not a tuple of tasks", tasks=["gaze"])
lie("config_is_frozen_and_described", "is not a sentence", Config=Plain)
lie("readings_are_numbers", "returns a float", read=lambda self, candidate: 0.5)
lie("readings_are_numbers", "value is nan", read=lambda self, candidate: Reading(float("nan")))
lie("readings_are_numbers", "ess is inf", read=lambda self, candidate: Reading(1.0, "", {"ess": float("inf")}))
lie("same_reading_again", "and then", read=lambda self, candidate: Reading(float(np.random.rand())))
lie("reading_changes_no_array", "changes target_images", read=brighter)
lie("other_runs_have_no_order", "in another order", read=first_of_others)
lie("other_runs_have_no_order", "without other runs",
    read=lambda self, candidate: Reading(float(len(candidate.others))))  # fmt: skip
lie("a_constant_is_read_or_refused", "without a reason", read=silent)
lie("a_constant_is_read_or_refused", "raised ZeroDivisionError",
    read=lambda self, candidate: Reading(1 / float(candidate.target_predictions.std(0).max())))  # fmt: skip


@CRITERIA.cases()
def test_each_lie_about_a_criterion_is_caught(name, what, cls):
    CRITERIA.caught(name, what, cls)


def test_each_check_has_a_lie():
    checks = {check.name for _, check in generate_checks([Honest], slow=True)} - {"imports_only_the_contract"}
    assert checks == CRITERIA.names


@parametrize_with_checks(registry().found["criteria"].values())
def test_ganzoos_own_keep_to_it(plugin, check):
    check(plugin)


@pytest.mark.parametrize("check", CRITERIA.rules(), ids=lambda check: check.name)
def test_an_honest_criterion_passes(check):
    check(Honest)
