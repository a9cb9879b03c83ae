"""Intervals of scores, by how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from ganzoo.metric import mean_interval, share_interval


def covered(draw, truth, repetitions=400):
    intervals = [draw(np.random.default_rng(seed)) for seed in range(repetitions)]
    return np.mean([low <= truth <= high for low, high in intervals])


def test_the_interval_of_a_mean_covers_it_95_times_in_100():
    assert covered(lambda random: mean_interval(random.normal(3, 2, 200)), 3) == pytest.approx(0.95, abs=0.03)


def test_it_covers_it_too_if_images_of_one_person_are_alike():
    people = np.repeat(np.arange(50), 10)

    def draw(random, groups):
        return mean_interval(random.normal(3, 2, 50)[people] + random.normal(0, 0.5, 500), groups)

    assert covered(lambda random: draw(random, people), 3) == pytest.approx(0.95, abs=0.03)
    assert covered(lambda random: draw(random, None), 3) < 0.6, "as independent images it would be far too narrow"


def test_independent_images_in_groups_of_one_have_the_usual_interval():
    values = np.random.default_rng(0).normal(size=30)
    half = 1.959964 * values.std(ddof=1) / 30**0.5
    expected = pytest.approx((values.mean() - half, values.mean() + half))
    assert mean_interval(values) == expected
    assert mean_interval(values, np.arange(30)) == expected


def test_a_single_image_has_none_and_one_person_is_taken_as_images():
    assert mean_interval(np.array([1.0])) is None
    values = np.arange(9.0)
    assert mean_interval(values, np.zeros(9)) == mean_interval(values)


def test_a_share_has_wilsons_interval_which_stays_within_its_ends():
    assert share_interval(50, 100) == pytest.approx((0.4038315, 0.5961685), abs=1e-6)
    assert share_interval(0, 10)[0] == 0
    assert share_interval(10, 10)[1] == 1
