"""The statistics against published numbers, closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, norm

from ganzoo.turing.statistics import Share, answers_needed, bootstrap, detectable, detection


def test_the_published_counts_of_simgan_give_its_p_and_the_intervals():
    """Shrivastava et al. 2017, section 3.1: 517 of 1,000, p = .148, which is one-sided; 162 of 200, p <= 1e-8."""
    refined, raw = Share(517, 1000), Share(162, 200)
    assert refined.p_one_sided == pytest.approx(0.148, abs=0.0005)
    assert refined.p_two_sided == pytest.approx(0.297, abs=0.0005)
    assert refined.interval == pytest.approx((0.486, 0.548), abs=0.0005)
    assert raw.interval == pytest.approx((0.749, 0.862), abs=0.0005)
    assert raw.p_one_sided < 1e-8
    found = detection(224, 500, 207, 500)  # real called real, refined called real
    assert found.d_prime == pytest.approx(0.087, abs=0.001)
    assert found.criterion == pytest.approx(0.174, abs=0.001)


@pytest.mark.parametrize(("right", "count"), [(0, 10), (3, 10), (10, 10), (57, 100)])
def test_the_interval_is_that_of_the_beta_distribution(right, count):
    low, high = Share(right, count).interval
    assert low == pytest.approx(beta.ppf(0.025, right, count - right + 1) if right else 0)
    assert high == pytest.approx(beta.ppf(0.975, right + 1, count - right) if right < count else 1)


def test_the_delta_intervals_of_d_prime_cover_the_truth():
    random, truth = np.random.default_rng(1), norm.ppf(0.7) - norm.ppf(0.4)
    found = [detection(int(hits), 100, int(alarms), 100) for hits, alarms in
             zip(random.binomial(100, 0.7, 500), random.binomial(100, 0.4, 500), strict=True)]  # fmt: skip
    covered = np.mean([each.d_interval[0] <= truth <= each.d_interval[1] for each in found])
    assert 0.92 <= covered <= 0.98


def test_a_perfect_rater_has_a_finite_d_prime_and_no_bias():
    found = detection(50, 50, 0, 50)
    assert found.d_prime == pytest.approx(2 * norm.ppf(50.5 / 51))
    assert found.criterion == pytest.approx(0)
    assert detection(20, 20, 0, 20, paired=True).d_prime == pytest.approx(2**0.5 * norm.ppf(40.5 / 41))


def test_a_rater_who_always_says_real_has_no_sensitivity_but_a_bias():
    found = detection(50, 50, 50, 50)
    assert found.d_prime == pytest.approx(0)
    assert found.criterion < -2


@pytest.mark.parametrize(("share", "count"), [(0.55, 620), (0.6, 158), (0.65, 69), (0.7, 37), (0.75, 23)])
def test_answers_needed_for_80_percent_power(share, count):
    assert answers_needed(share) == count
    assert detectable(count) == pytest.approx(share, abs=0.0015)
    assert detectable(count - 1) > share


def test_a_simulation_finds_the_detectable_share_in_80_percent():
    share = detectable(200)
    random = np.random.default_rng(2).binomial(200, share, 2000)
    found = np.mean([Share(int(right), 200).p_one_sided < 0.05 for right in random])
    assert found == pytest.approx(0.8, abs=0.04)
    assert detectable(3) is None


def test_the_bootstrap_over_raters_is_wider_than_over_answers_if_raters_differ():
    alike = np.array([[50, 100]] * 10)
    unlike = np.array([[20, 100], [80, 100]] * 5)
    narrow, wide = (bootstrap(each, lambda sums: sums[:, 0] / sums[:, 1]) for each in (alike, unlike))
    assert narrow == (0.5, 0.5)
    error = 0.3 / 10**0.5  # of the mean of ten raters at .2 and .8
    assert wide == pytest.approx((0.5 - 1.96 * error, 0.5 + 1.96 * error), abs=0.03)
    assert bootstrap(unlike[:4], lambda sums: sums[:, 0]) is None
