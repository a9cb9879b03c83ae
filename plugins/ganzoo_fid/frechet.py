"""The Frechet distance of two sets of features (Heusel et al. 2017, equation 6), in float64."""

from __future__ import annotations

import numpy as np

from ganzoo_fid.estimate import Estimate, jackknife_error


def frechet_distance(a: np.ndarray, b: np.ndarray) -> Estimate:
    """The squared Frechet distance between Gaussians fitted to features [N, D] and [M, D], with its standard error.

    With A and B the centred features over sqrt(N - 1) and sqrt(M - 1), the covariances are A'A and B'B, and the
    trace of (A'A B'B)^(1/2) is the sum of the singular values of AB'. No matrix square root is taken, so sets with
    fewer rows than features need no special care. Each set must have two rows at least.
    """
    mean_a, mean_b = a.mean(0), b.mean(0)
    centred_a, centred_b = (a - mean_a) / np.sqrt(len(a) - 1), (b - mean_b) / np.sqrt(len(b) - 1)
    base_a, factor_a = _reduced(centred_a)
    base_b, factor_b = _reduced(centred_b)
    left, singular_values, right = np.linalg.svd(factor_a @ factor_b.T, full_matrices=False)

    shift = mean_a - mean_b
    spread = (centred_a**2).sum() + (centred_b**2).sum()
    value = shift @ shift + spread - 2 * singular_values.sum()
    error = jackknife_error(
        _influence(centred_a, base_a, left, singular_values, shift),
        _influence(centred_b, base_b, right.T, singular_values, -shift),
    )
    return Estimate(max(float(value), 0.0), error, least=0.0)


def _reduced(rows: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """`rows` [N, D] as an orthonormal base [N, D] times a factor [D, D] where N > D; else (None, rows)."""
    return np.linalg.qr(rows) if len(rows) > rows.shape[1] else (None, rows)


def _influence(
    centred: np.ndarray, base: np.ndarray | None, vectors: np.ndarray, singular_values: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """How much the distance grows with the weight of each row, times N: [N], up to a constant.

    A weight w_i scales row i by sqrt(w_i), so the sum of the singular values has the derivative
    sum_k s_k u_ik^2 / 2 at w_i = 1, u being its left singular vectors.
    """
    vectors = vectors if base is None else base @ vectors
    per_weight = (centred**2).sum(1) - vectors**2 @ singular_values
    return len(centred) * per_weight + 2 * np.sqrt(len(centred) - 1) * (centred @ shift)
