import math

import numpy as np
import pytest
from scipy import stats

from ganzoo.benchmark.statistics import holm, mean_interval, paired_p, pareto_front


def test_the_interval_over_seeds_is_students():
    values = [5.1, 4.7, 5.6, 5.0]
    mean, half = mean_interval(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert mean == pytest.approx(5.1)
    assert (mean - half, mean + half) == pytest.approx((low, high))


def test_two_seeds_have_the_interval_of_the_closed_form():
    assert mean_interval([1.0, 3.0])[1] == pytest.approx(12.7062, rel=1e-4)  # t(1) = tan(0.95 pi / 2), error = 1


def test_one_seed_has_no_interval():
    assert mean_interval([4.0]) == (4.0, None)


def test_the_interval_covers_the_truth_in_19_of_20_cases():
    random = np.random.default_rng(0)
    intervals = [mean_interval(list(random.normal(2.0, 1.0, 3))) for _ in range(2_000)]
    covered = np.mean([abs(mean - 2.0) <= half for mean, half in intervals])
    assert 0.935 < covered < 0.965


def test_the_paired_test_is_scipys():
    first, second = [5.0, 4.8, 5.3], [5.9, 5.5, 6.4]
    difference = np.subtract(first, second)
    t = abs(difference.mean()) / (difference.std(ddof=1) / math.sqrt(3))
    assert paired_p(first, second) == pytest.approx(2 * stats.t.sf(t, 2))


@pytest.mark.parametrize(("first", "second"), [([1.0], [2.0]), ([1.0, 2.0], [2.0, 3.0]), ([1, 1, 1], [5, 5, 5])])
def test_nothing_is_tested_where_chance_cannot_be_seen(first, second):
    assert paired_p(first, second) is None


def test_holm_gives_the_values_of_the_worked_example():
    # p = .01, .04, .03, .005 of four tests: .005 x 4, .01 x 3, .03 x 2, then never less than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_never_says_more_than_1_and_leaves_one_test_alone():
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_the_front_holds_what_no_other_point_beats():
    points = [(1, 5), (2, 2), (5, 1), (3, 3), (2, 2), (1, 6)]
    assert pareto_front(points) == [0, 1, 2, 4]


def test_values_that_differ_by_rounding_alone_have_no_interval():
    assert mean_interval([8.1, 8.1 + 1e-15, 8.1]) == (pytest.approx(8.1), 0.0)
