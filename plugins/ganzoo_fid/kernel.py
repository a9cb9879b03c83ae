"""The kernel distance of two sets of features (Binkowski et al. 2018, section 4), in float64."""

from __future__ import annotations

import numpy as np

from ganzoo_fid.estimate import Estimate, jackknife_error


def polynomial_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(x . y / D + 1)^3 of each pair of rows of [N, D] and [M, D]: [N, M]."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def kernel_distance(a: np.ndarray, b: np.ndarray) -> Estimate:
    """The unbiased squared maximum mean discrepancy of features [N, D] and [M, D], with its standard error.

    All pairs are used: this is the value that averages over random subsets approach. It is negative about half of
    the time where the two distributions are equal. Each set must have two rows at least.
    """
    within_a, within_b, between = polynomial_kernel(a, a), polynomial_kernel(b, b), polynomial_kernel(a, b)
    near_a = (within_a.sum(1) - within_a.diagonal()) / (len(a) - 1)
    near_b = (within_b.sum(1) - within_b.diagonal()) / (len(b) - 1)
    far_a, far_b = between.mean(1), between.mean(0)
    value = near_a.mean() + near_b.mean() - 2 * between.mean()
    return Estimate(float(value), jackknife_error(2 * (near_a - far_a), 2 * (near_b - far_b)))
