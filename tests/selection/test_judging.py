"""Rank correlation and regret of criteria, gates, and the choice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ganzoo.errors import ConfigError
from ganzoo.selection.choice import NoChoiceError, Option, choose
from ganzoo.selection.gates import Health, set_aside
from ganzoo.selection.judging import JudgedRun, judge
from ganzoo.selection.readings import Entry


def runs(values, errors, families=None):
    families = families or [f"f{k}" for k in range(len(values))]
    rows = zip(values, errors, families, strict=True)
    return [JudgedRun(f"run-{k}", family, value, error) for k, (value, error, family) in enumerate(rows)]


def test_the_correlation_is_spearmans_and_regret_is_against_the_best_and_the_mean():
    values, errors = [3.0, 1.0, 2.0, 5.0], [6.0, 5.5, 5.0, 7.0]
    made = judge("c", runs(values, errors))
    assert made.spearman == pytest.approx(stats.spearmanr(values, errors).statistic)
    assert made.chosen == "run-1"
    assert made.regret == pytest.approx(0.5)
    assert made.against_mean == pytest.approx(5.5 - 5.875)


def test_leaving_a_family_out_gives_the_regret_of_the_others():
    made = judge("c", runs([0, 1, 2, 3], [9.0, 1.0, 2.0, 3.0], ["a", "b", "c", "d"]))
    # without a: chosen 1, best 1; without b, c or d: the bad one is chosen, at 9 - 2, 9 - 1 and 9 - 1
    assert made.regret_left_out == pytest.approx((0 + 7 + 8 + 8) / 4)
    assert made.left_out == (pytest.approx(-0.5), pytest.approx(1.0))


def test_an_order_within_families_is_told_from_one_between_them():
    values = [1, 2, 3, 11, 12, 13, 21, 22, 23]
    errors = [3, 2, 1, 13, 12, 11, 23, 22, 21]
    made = judge("c", runs(values, errors, list("aaabbbccc")))
    assert made.within == pytest.approx(-1)
    assert made.between == pytest.approx(1)


def test_equal_values_choose_nothing_better_than_their_mean():
    made = judge("c", runs([1, 1, 1], [4.0, 5.0, 6.0]))
    assert made.spearman is None
    assert made.chosen_error == pytest.approx(5)


def test_the_interval_covers_zero_for_values_that_mean_nothing():
    random = np.random.default_rng(0)
    families = [f"f{k % 5}" for k in range(30)]
    made = judge("c", runs(list(random.normal(size=30)), list(random.normal(size=30)), families))
    assert made.low < 0 < made.high


def test_two_runs_are_not_judged():
    assert judge("c", runs([1, 2], [1.0, 2.0])) is None


def test_runs_that_have_collapsed_or_not_learned_are_set_aside():
    health = {f"good-{k}": Health("a", 2.0, 8.0) for k in range(3)}
    health |= {"other": Health("b", 2.2, 7.5), "flat": Health("c", 2.0, 0.0), "lost": Health("d", 4.0, 8.0)}
    reasons = set_aside(health)
    assert set(reasons) == {"flat", "lost"}
    assert "collapsed" in reasons["flat"]
    assert "error on the source is 4" in reasons["lost"]


def options(*values, health=None):
    healthy = health or Health("a", 2.0, 8.0)
    return {f"r{k}": Option(f"r{k}", f"run {k}", healthy, Entry(value=v) if v is not None else Entry(reason="because"))
            for k, v in enumerate(values)}  # fmt: skip


def test_the_lowest_value_is_chosen_and_the_highest_of_a_criterion_that_is_better_so():
    assert choose(options(3, 1, 2), "source-risk", "gaze").ordered[0].name == "r1"
    assert choose(options(3, 1, 2), "soft-neighbourhood-density", "class").ordered[0].name == "r0"


def test_fewer_than_three_runs_are_no_choice_and_it_says_why():
    with pytest.raises(NoChoiceError, match=r"no choice: 2 of 3 runs can be compared by source-risk.*run 2: because"):
        choose(options(1, 2, None), "source-risk", "gaze")


def test_a_criterion_of_another_task_is_refused():
    each = {name: Option(o.name, o.shown, o.health, None) for name, o in options(1, 2, 3).items()}
    with pytest.raises(ConfigError, match="entropy is not for the task gaze"):
        choose(each, "entropy", "gaze")
