"""The formulas of `fid` and `kid` against closed forms, reference implementations and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from ganzoo_fid.frechet import frechet_distance
from ganzoo_fid.kernel import kernel_distance, polynomial_kernel


def sample_with(mean: np.ndarray, covariance: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows whose sample mean and sample covariance are exactly these."""
    noise = np.random.default_rng(seed).normal(size=(count, len(mean)))
    orthonormal, _ = np.linalg.qr(noise - noise.mean(0))
    return mean + np.sqrt(count - 1) * orthonormal @ np.linalg.cholesky(covariance).T


def random_covariance(size: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(size, 3 * size))
    return rows @ rows.T / (3 * size)


def relu_features(count: int, shift: float, random: np.random.Generator, size: int = 60) -> np.ndarray:
    """Features as networks give them: a few directions, rectified."""
    mixing = np.random.default_rng(1).normal(size=(12, size)) * np.linspace(1.5, 0.3, 12)[:, None]
    latent = random.normal(size=(count, 12))
    latent[:, 0] += shift
    return np.maximum(latent @ mixing + 0.2 * random.normal(size=(count, size)), 0)


def test_one_dimensional_gaussians_have_the_closed_form() -> None:
    a = sample_with(np.array([1.0]), np.array([[4.0]]), 50, 0)
    b = sample_with(np.array([-2.0]), np.array([[9.0]]), 80, 1)
    assert frechet_distance(a, b).value == pytest.approx((1 + 2) ** 2 + (2 - 3) ** 2, rel=1e-10)


def test_commuting_covariances_have_the_closed_form() -> None:
    base, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))
    of_a, of_b = np.arange(1.0, 7.0), np.arange(6.0, 0.0, -1.0) ** 2
    a = sample_with(np.zeros(6), base @ np.diag(of_a) @ base.T, 40, 0)
    b = sample_with(np.ones(6), base @ np.diag(of_b) @ base.T, 50, 1)
    expected = 6 + ((np.sqrt(of_a) - np.sqrt(of_b)) ** 2).sum()
    assert frechet_distance(a, b).value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("counts", [(30, 40), (12, 200), (300, 250)], ids=["few rows", "mixed", "many rows"])
def test_any_number_of_rows_agrees_with_the_eigenvalues_of_the_symmetric_product(counts: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    a, b = (relu_features(count, shift, random, size=64) for count, shift in zip(counts, (0.0, 1.0), strict=True))
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    trace = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * trace
    assert frechet_distance(a, b).value == pytest.approx(expected, rel=1e-6)


def test_full_rank_sets_agree_with_scipys_matrix_square_root() -> None:
    a = sample_with(np.zeros(20), random_covariance(20, 0), 100, 0)
    b = sample_with(np.full(20, 0.1), random_covariance(20, 1), 120, 1)
    cov_a, cov_b = random_covariance(20, 0), random_covariance(20, 1)
    expected = 20 * 0.01 + np.trace(cov_a + cov_b - 2 * scipy.linalg.sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b).value == pytest.approx(expected, rel=1e-9)


def test_a_set_has_no_frechet_distance_from_itself_in_any_order() -> None:
    a = relu_features(50, 0, np.random.default_rng(0))
    found = frechet_distance(a, a[::-1])
    assert found.value == pytest.approx(0, abs=1e-9)
    assert found.low == 0


def test_the_distances_do_not_depend_on_which_set_comes_first() -> None:
    random = np.random.default_rng(0)
    a, b = relu_features(50, 0, random), relu_features(90, 1, random)
    for distance in (frechet_distance, kernel_distance):
        forth, back = distance(a, b), distance(b, a)
        assert forth.value == pytest.approx(back.value, rel=1e-9)
        assert forth.standard_error == pytest.approx(back.standard_error, rel=1e-6)


def test_the_kernel_distance_is_the_mean_over_all_pairs_without_those_of_a_row_with_itself() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(5, 3)), random.normal(size=(4, 3)) + 1
    kernel = lambda x, y: (x @ y / 3 + 1) ** 3  # noqa: E731
    within_a = np.mean([kernel(a[i], a[j]) for i in range(5) for j in range(5) if i != j])
    within_b = np.mean([kernel(b[i], b[j]) for i in range(4) for j in range(4) if i != j])
    between = np.mean([kernel(x, y) for x in a for y in b])
    assert kernel_distance(a, b).value == pytest.approx(within_a + within_b - 2 * between, rel=1e-12)


def test_the_kernel_distance_is_the_average_of_that_of_subsets() -> None:
    random = np.random.default_rng(0)
    a, b = relu_features(40, 0, random), relu_features(40, 1, random)
    subsets = [
        kernel_distance(a[random.permutation(40)[:20]], b[random.permutation(40)[:20]]).value for _ in range(2000)
    ]
    assert kernel_distance(a, b).value == pytest.approx(np.mean(subsets), abs=4 * np.std(subsets) / np.sqrt(2000))


def test_the_kernel_distance_of_one_distribution_is_zero_on_average() -> None:
    random = np.random.default_rng(0)
    values = [kernel_distance(relu_features(40, 0, random), relu_features(40, 0, random)).value for _ in range(200)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)
    assert min(values) < 0 < max(values)


def test_the_polynomial_kernel_has_its_published_form() -> None:
    found = polynomial_kernel(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(found, [[(11 / 2 + 1) ** 3, 1.0]])


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize("count", [30, 150], ids=["fewer rows than features", "more rows than features"])
def test_intervals_cover_the_value_expected_at_this_count(distance, count: int) -> None:
    random = np.random.default_rng(0)
    found = [distance(relu_features(count, 1, random), relu_features(count, 0, random)) for _ in range(100)]
    expected = np.mean([estimate.value for estimate in found])
    assert np.mean([estimate.low <= expected <= estimate.high for estimate in found]) >= 0.9
    spread = np.std([estimate.value for estimate in found])
    assert np.mean([estimate.standard_error for estimate in found]) < 2 * spread


def test_bootstrapped_frechet_distances_lie_above_the_estimate_which_is_why_they_give_no_interval() -> None:
    random = np.random.default_rng(0)
    a, b = relu_features(60, 0, random), relu_features(60, 0, random)
    resampled = [
        frechet_distance(a[random.integers(60, size=60)], b[random.integers(60, size=60)]).value for _ in range(100)
    ]
    found = frechet_distance(a, b)
    assert np.percentile(resampled, 2.5) > found.value
    assert found.low < found.value < found.high


@pytest.mark.parametrize(("count", "others", "size"), [(60, 60, 90), (60, 80, 50), (90, 70, 50)])
def test_eigenvalues_give_the_distance_and_the_error_that_singular_values_give(
    monkeypatch: pytest.MonkeyPatch, count: int, others: int, size: int
) -> None:
    random = np.random.default_rng(0)
    a, b = (random.gamma(1.0, 1 + shift, (n, size)) for n, shift in ((count, 0.0), (others, 0.3)))
    wanted = frechet_distance(a, b)
    monkeypatch.setattr("ganzoo_fid.frechet.LARGE", 2)
    monkeypatch.setattr(np.linalg, "svd", lambda *_, **__: pytest.fail("singular values were computed"))
    found = frechet_distance(a, b)
    assert found.value == pytest.approx(wanted.value, rel=1e-7)
    assert found.standard_error == pytest.approx(wanted.standard_error, rel=1e-7)


def test_constant_features_leave_a_large_distance_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(40, 60)), random.normal(size=(50, 60))
    a[:, 1:], b[:, 1:] = 3.0, 3.0
    wanted = frechet_distance(a, b)
    monkeypatch.setattr("ganzoo_fid.frechet.LARGE", 2)
    assert frechet_distance(a, b) == wanted


def features(random: np.random.Generator, count: int, size: int = 24) -> np.ndarray:
    """Rectified, their variances falling as those of networks do."""
    scale = (1 + np.arange(size)) ** -0.7
    mixed = random.normal(size=(count, size)) * scale @ np.linalg.qr(random.normal(size=(size, size)))[0]
    return np.maximum(mixed + scale.mean(), 0)


def test_covariances_give_the_distance_and_the_error_that_rows_give(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    a, b = features(random, 90), features(random, 70)
    with monkeypatch.context() as patched:
        patched.setattr("ganzoo_fid.frechet._reduced", lambda rows: pytest.fail("covariances were not enough"))
        found = frechet_distance(a, b)
    monkeypatch.setattr("ganzoo_fid.frechet._of_covariances", lambda a, b: None)
    wanted = frechet_distance(a, b)
    assert found.value == pytest.approx(wanted.value, rel=1e-9)
    assert found.standard_error == pytest.approx(wanted.standard_error, rel=1e-9)


@pytest.mark.parametrize("which", ["a constant feature", "a repeated feature", "a feature of nearly no variance"])
def test_features_that_covariances_cannot_tell_are_measured_by_rows(
    which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(6)
    a, b = features(random, 90), features(random, 70)
    if which == "a constant feature":
        a[:, 3] = 0.1
    elif which == "a repeated feature":
        a[:, 3], b[:, 3] = a[:, 4], b[:, 4]
    else:
        a[:, 3] *= 1e-9
    found = frechet_distance(a, b)
    monkeypatch.setattr("ganzoo_fid.frechet._of_covariances", lambda a, b: None)
    wanted = frechet_distance(a, b)
    assert found.value == pytest.approx(wanted.value, rel=1e-8)
    assert found.standard_error == pytest.approx(wanted.standard_error, rel=1e-7)
