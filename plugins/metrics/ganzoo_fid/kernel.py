"""The kernel distance of two sets of features (Binkowski et al. 2018, section 4), in float64."""

from __future__ import annotations

import numpy as np

from ganzoo_fid.estimate import DistanceEstimate, jackknife_error

BLOCK = 2**22  # kernel values at once: 32 MiB, for any number of rows


def polynomial_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(x . y / D + 1)^3 of each pair of rows of [N, D] and [M, D]: [N, M]."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def kernel_distance(a: np.ndarray, b: np.ndarray) -> DistanceEstimate:
    """The unbiased squared maximum mean discrepancy of features [N, D] and [M, D], with its standard error.

    All pairs are used: this is the limit of averages over random subsets. It is negative about half of
    the time if the two distributions are equal. Each set must have two rows at least.
    """
    far_a, far_b = (sums / count for sums, count in zip(_sums(a, b), (len(b), len(a)), strict=True))
    near_a, near_b = _mean_of_others(a), _mean_of_others(b)
    value = near_a.mean() + near_b.mean() - 2 * far_a.mean()
    return DistanceEstimate(float(value), jackknife_error(2 * (near_a - far_a), 2 * (near_b - far_b)))


def _mean_of_others(rows: np.ndarray) -> np.ndarray:
    """The mean kernel value of each row with all the others: [N]."""
    own = ((rows**2).sum(1) / rows.shape[1] + 1) ** 3
    return (_sums(rows, rows)[0] - own) / (len(rows) - 1)


def _sums(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The kernel values of all pairs of rows, summed over `b` [N] and over `a` [M], block by block."""
    of_a, of_b = np.empty(len(a)), np.zeros(len(b))
    step = max(1, BLOCK // len(b))
    for start in range(0, len(a), step):
        block = polynomial_kernel(a[start : start + step], b)
        of_a[start : start + step] = block.sum(1)
        of_b += block.sum(0)
    return of_a, of_b
