"""The Frechet distance of two sets of features (Heusel et al. 2017, equation 6), in float64."""

from __future__ import annotations

import numpy as np

from ganzoo_fid.estimate import Estimate, jackknife_error

LARGE = 1_024  # rows from which eigenvalues are faster than singular values
ROUNDING = 3e-8  # a singular value so small beside the greatest is all rounding, when taken from its square
TOLERANCE = 1e-7  # of the sum of the singular values: what all that rounding may amount to


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
    trace, left, right = _singular(factor_a @ factor_b.T)

    shift = mean_a - mean_b
    spread = (centred_a**2).sum() + (centred_b**2).sum()
    value = shift @ shift + spread - 2 * trace
    error = jackknife_error(
        _influence(centred_a, base_a, left, shift),
        _influence(centred_b, base_b, right, -shift),
    )
    return Estimate(max(float(value), 0.0), error, least=0.0)


def _reduced(rows: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """`rows` [N, D] as an orthonormal base [N, D] times a factor [D, D] where N > D; else (None, rows)."""
    return np.linalg.qr(rows) if len(rows) > rows.shape[1] else (None, rows)


def _singular(product: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum of the singular values s of a product [n, m]; its left [n, k] and right vectors [m, k], times sqrt(s).

    Of a large product they are taken from the eigenvalues s^2 of its square, in half the time. That rounds s by about
    1e-16 / s where the greatest is 1, so only values near the root of float64's precision are lost. Where they could
    matter, as with many features that are constant, the singular values are computed as such.
    """
    if product.shape[0] > product.shape[1]:
        trace, right, left = _singular(product.T)
        return trace, left, right
    if len(product) >= LARGE:
        squares, left = np.linalg.eigh(product @ product.T)
        singular_values = np.sqrt(squares.clip(min=0))
        noise = ROUNDING * singular_values[-1]
        small = singular_values <= noise
        if small.sum() * noise <= TOLERANCE * singular_values.sum():
            roots = np.sqrt(singular_values)
            right = np.divide(product.T @ left, roots, out=np.zeros((product.shape[1], len(roots))), where=~small)
            return float(singular_values.sum()), left * roots, right
    left, singular_values, right = np.linalg.svd(product, full_matrices=False)
    roots = np.sqrt(singular_values)
    return float(singular_values.sum()), left * roots, right.T * roots


def _influence(centred: np.ndarray, base: np.ndarray | None, vectors: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """How much the distance grows with the weight of each row, times N: [N], up to a constant.

    A weight w_i scales row i by sqrt(w_i), so the sum of the singular values s has the derivative
    sum_k s_k u_ik^2 / 2 at w_i = 1, u being its left singular vectors. `vectors` are u sqrt(s).
    """
    vectors = vectors if base is None else base @ vectors
    per_weight = (centred**2).sum(1) - (vectors**2).sum(1)
    return len(centred) * per_weight + 2 * np.sqrt(len(centred) - 1) * (centred @ shift)
