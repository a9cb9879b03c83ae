"""Precision, recall, density and coverage against the papers' definitions, closed forms and simulation."""

from __future__ import annotations

import tracemalloc
from math import prod

import numpy as np
import pytest
from ganzoo_fid import kernel, knn_manifold
from ganzoo_fid.estimate import Positive, Share
from ganzoo_fid.kernel import kernel_distance
from ganzoo_fid.neighbourhoods import density_and_coverage, precision_and_recall

SCORES = ("precision", "recall", "density", "coverage")


def measured(fake: np.ndarray, real: np.ndarray, k: int = 3, k_density: int = 5):
    return {**precision_and_recall(fake, real, k), **density_and_coverage(fake, real, k_density)}


def by_the_papers(fake: np.ndarray, real: np.ndarray, k: int = 3, k_density: int = 5) -> dict[str, float]:
    """Row by row, as Kynkaanniemi et al. (2019, equation 1) and Naeem et al. (2020, equations 3 and 4) write it."""

    def distance(x, y):
        return float(np.sqrt(((x - y) ** 2).sum()))

    def radii(rows, k):
        return [sorted(distance(x, y) for j, y in enumerate(rows) if j != i)[k - 1] for i, x in enumerate(rows)]

    def in_manifold(x, rows, radii):
        return any(distance(x, y) <= radius for y, radius in zip(rows, radii, strict=True))

    of_real, of_fake, wide = radii(real, k), radii(fake, k), radii(real, k_density)
    return {
        "precision": sum(in_manifold(x, real, of_real) for x in fake) / len(fake),
        "recall": sum(in_manifold(x, fake, of_fake) for x in real) / len(real),
        "density": sum(distance(y, x) <= r for y in fake for x, r in zip(real, wide, strict=True))
        / (k_density * len(fake)),
        "coverage": sum(any(distance(y, x) <= r for y in fake) for x, r in zip(real, wide, strict=True)) / len(real),
    }


def normal(count: int, size: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, size))


PAIRS = {
    "narrow": (0.6 * normal(22, 2, 0) + 0.5, normal(25, 2, 1)),
    "wide": (2 * normal(30, 4, 2), normal(20, 4, 3)),
    "apart": (normal(16, 3, 4) + 2, normal(24, 3, 5)),
    "on a grid, with ties": (normal(24, 2, 6).round(), normal(20, 2, 7).round()),
}


@pytest.mark.parametrize(("fake", "real"), PAIRS.values(), ids=PAIRS)
def test_all_four_are_what_the_papers_define(fake, real) -> None:
    expected = by_the_papers(fake, real)
    for name, score in measured(fake, real).items():
        assert score.value == pytest.approx(expected[name], abs=1e-12), name


def test_a_case_on_a_line_by_hand() -> None:
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # distances to the nearest other: 1, 1, 1, 8
    fake = np.array([[-0.5], [2.5], [4.5], [30.0]])  # 3, 2, 2, 25.5
    found = measured(fake, real, k=1, k_density=1)
    assert found["precision"].value == 3 / 4  # all but 30: around 10 the ball reaches from 2 to 18
    assert found["recall"].value == 4 / 4  # 0, 1, 2 lie around -0.5; 10 lies in the ball of 30, from 4.5 on
    assert found["density"].value == 4 / 4  # in the ball of 0: -0.5; of 1: none; of 2: 2.5; of 10: 2.5 and 4.5
    assert found["coverage"].value == 3 / 4  # all balls but that of 1


def test_a_set_against_itself_is_precise_and_complete() -> None:
    rows = normal(60, 5, 0)
    found = measured(rows, rows.copy())
    assert [found[name].value for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert found["density"].value == pytest.approx((5 + 1) / 5)  # each ball holds its centre and the k nearest


def test_sets_far_apart_have_nothing_in_common_and_no_density_to_tell_an_error_from() -> None:
    found = measured(normal(40, 5, 0) + 100, normal(50, 5, 1))
    assert [found[name].value for name in SCORES] == [0, 0, 0, 0]
    assert found["precision"].low == 0
    assert 0 < found["precision"].high < 0.1
    assert np.isnan(found["density"].standard_error)


def test_copies_of_one_image_are_near_each_other() -> None:
    rows = np.tile(normal(1, 300, 0) * 50, (20, 1))
    found = measured(rows[:9], rows)
    assert [found[name].value for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    assert all(np.isfinite([score.value, score.low, score.high]).all() for score in found.values())


def test_of_equal_distributions_density_and_coverage_have_their_closed_forms_on_average() -> None:
    random, (reals, fakes, k) = np.random.default_rng(0), (40, 60, 5)
    found = [
        density_and_coverage(random.normal(size=(fakes, 4)), random.normal(size=(reals, 4)), k) for _ in range(300)
    ]
    density, coverage = (np.array([each[name].value for each in found]) for name in ("density", "coverage"))
    missed = prod(reals - i for i in range(1, k + 1)) / prod(fakes + reals - i for i in range(1, k + 1))
    assert abs(density.mean() - 1) < 4 * density.std() / np.sqrt(300)  # Naeem et al. 2020, lemma 1
    assert abs(coverage.mean() - (1 - missed)) < 4 * coverage.std() / np.sqrt(300)  # lemma 2


@pytest.mark.parametrize("pair", ["narrow", "wide", "apart"])  # where neighbours tie, the order decides which counts
def test_standard_errors_are_those_of_leaving_each_row_out(pair: str) -> None:
    fake, real = PAIRS[pair]
    without_real = [by_the_papers(fake, np.delete(real, i, 0)) for i in range(len(real))]
    without_fake = [by_the_papers(np.delete(fake, i, 0), real) for i in range(len(fake))]
    for name, score in measured(fake, real).items():
        groups = [np.array([each[name] for each in left]) for left in (without_real, without_fake)]
        expected = np.sqrt(sum(((group - group.mean()) ** 2).sum() for group in groups))
        assert score.standard_error == pytest.approx(expected, rel=0.05, abs=1e-12), name


@pytest.mark.parametrize(("size", "shift", "spread"), [(2, 0.0, 1.0), (8, 0.5, 0.9), (8, 1.0, 0.7), (24, 0.5, 1.1)])
def test_intervals_cover_the_value_expected_at_this_count_and_are_at_most_wide(size, shift, spread) -> None:
    random, found = np.random.default_rng(0), {}
    for _ in range(80):
        fake, real = spread * random.normal(size=(120, size)) + shift * np.eye(size)[0], random.normal(size=(100, size))
        for name, score in measured(fake, real).items():
            found.setdefault(name, []).append(score)
    for name, scores in found.items():
        values = np.array([score.value for score in scores])
        expected, error = values.mean(), np.mean([score.standard_error for score in scores])
        assert np.mean([score.low <= expected <= score.high for score in scores]) >= 0.9, name
        assert 0.85 * values.std() < error < 2.6 * values.std(), name


def test_bootstrapped_precisions_lie_below_the_estimate_which_is_why_they_give_no_interval() -> None:
    random, estimates, resampled = np.random.default_rng(0), [], []
    for _ in range(30):
        fake, real = random.normal(size=(100, 8)), random.normal(size=(100, 8))
        again = fake[random.integers(100, size=100)], real[random.integers(100, size=100)]
        estimates.append(precision_and_recall(fake, real, 3)["precision"].value)
        resampled.append(precision_and_recall(*again, 3)["precision"].value)
    assert np.mean(resampled) < np.mean(estimates) - 1.5 * np.std(estimates)


def test_a_share_has_wilsons_interval() -> None:
    independent = Share(0.8, np.sqrt(0.16 / 10), count=10)
    assert (independent.low, independent.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    none = Share(0.0, 0.0, count=10)
    assert (none.low, none.high) == pytest.approx((0, 0.2775), abs=1e-4)
    assert Share(1.0, 0.0, count=10).low == pytest.approx(1 - 0.2775, abs=1e-4)


def test_the_interval_of_a_density_is_above_zero_and_below_the_most_there_can_be() -> None:
    fake, real = normal(100, 3, 0) + 3, normal(30, 3, 1)
    found = density_and_coverage(fake, real, 5)["density"]
    assert 0 < found.low < found.value < found.high
    assert found.high / found.value == pytest.approx(found.value / found.low)
    assert Positive(1.0, 50.0, most=6.0).high == 6.0


def test_blocks_change_no_score_and_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, real = normal(1500, 6, 0), normal(1600, 6, 1)
    whole = [*measured(fake, real).values(), kernel_distance(fake, real)]
    monkeypatch.setattr(knn_manifold, "BLOCK", 2**16)
    monkeypatch.setattr(kernel, "BLOCK", 2**16)
    tracemalloc.start()
    blocks = [*measured(fake, real).values(), kernel_distance(fake, real)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1500 * 1600 * 8 / 4  # a matrix of all distances takes four times as much
    for one, other in zip(whole, blocks, strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-12)
        assert one.standard_error == pytest.approx(other.standard_error, rel=1e-9)
