"""The Frechet distance of two sets of features (Heusel et al. 2017, equation 6), in float64."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from ganzoo_fid.estimate import DistanceEstimate, jackknife_error

LARGE = 1_024  # rows from which eigenvalues are faster than singular values
ROUNDING = 3e-8  # a singular value this small relative to the largest is only rounding, if computed from its square
TOLERANCE = 1e-7  # of the sum of the singular values: the maximum total rounding
COVARIANCES = 1e-9  # the same for covariances: looser than their rounding with features of networks


def frechet_distance(a: np.ndarray, b: np.ndarray) -> DistanceEstimate:
    """The squared Frechet distance between Gaussians fitted to features [N, D] and [M, D], with its standard error.

    With A and B the centred features over sqrt(N - 1) and sqrt(M - 1), the covariances are A'A and B'B, and the
    trace of (A'A B'B)^(1/2) is the sum of the singular values of AB'. No matrix square root is taken, so sets with
    fewer rows than features need no special care. Each set must have two rows at least.
    """
    mean_a, mean_b = a.mean(0), b.mean(0)
    centred_a, centred_b = (a - mean_a) / np.sqrt(len(a) - 1), (b - mean_b) / np.sqrt(len(b) - 1)
    trace, share_a, share_b = _trace(centred_a, centred_b)

    shift = mean_a - mean_b
    own_a, own_b = (centred_a**2).sum(1), (centred_b**2).sum(1)
    value = shift @ shift + own_a.sum() + own_b.sum() - 2 * trace
    error = jackknife_error(
        len(a) * (own_a - share_a) + 2 * np.sqrt(len(a) - 1) * (centred_a @ shift),
        len(b) * (own_b - share_b) - 2 * np.sqrt(len(b) - 1) * (centred_b @ shift),
    )
    return DistanceEstimate(max(float(value), 0.0), error, least=0.0)


def _trace(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum of the singular values s of AB', and the share of each row of A [N] and of B [M] in it.

    A weight w_i scales row i of A by sqrt(w_i), so that the sum has the derivative sum_k s_k u_ik^2 / 2 at w_i = 1, u
    being its left singular vectors; the share of row i is twice that. Shares add up to the sum.
    """
    if min(len(a), len(b)) > a.shape[1]:
        varies = (a.max(0) > a.min(0)) & (b.max(0) > b.min(0))  # AB' contains only features that vary in both
        found = _of_covariances(a[:, varies], b[:, varies])
        if found is not None:
            return found
    base_a, factor_a = _reduced(a)
    base_b, factor_b = _reduced(b)
    trace, left, right = _singular(factor_a @ factor_b.T)
    left, right = (v if base is None else base @ v for base, v in ((base_a, left), (base_b, right)))
    return trace, (left**2).sum(1), (right**2).sum(1)


def _of_covariances(a: np.ndarray, b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray] | None:
    """`_trace` of many rows, without a product or a base of their number; None if rounding could matter.

    With A'A = LL' and L'(B'B)L = V s^2 V', the left singular vectors are A L'^-1 V, the right ones B L V / s.
    """
    covariance_a, covariance_b = a.T @ a, b.T @ b
    try:
        lower = np.linalg.cholesky(covariance_a)
    except np.linalg.LinAlgError:
        return None
    squares, vectors = np.linalg.eigh(lower.T @ covariance_b @ lower)
    if len(squares) == 0 or squares[0] <= 0:
        return None
    singular_values = np.sqrt(squares)
    roots = np.sqrt(singular_values)
    to_left = solve_triangular(lower, vectors * roots, lower=True, trans="T")
    to_right = lower @ (vectors / roots)
    # To first order the sum moves by half the trace of XX'dS where A'A moves by dS, X being `to_left`; likewise for B.
    rounding = np.finfo(np.float64).eps * (
        np.linalg.norm(covariance_a) * (to_left**2).sum() + np.linalg.norm(covariance_b) * (to_right**2).sum()
    )
    trace = float(singular_values.sum())
    if not rounding <= COVARIANCES * trace:
        return None
    return trace, ((a @ to_left) ** 2).sum(1), ((b @ to_right) ** 2).sum(1)


def _reduced(rows: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """`rows` [N, D] as an orthonormal base [N, D] times a factor [D, D] where N > D; else (None, rows)."""
    return np.linalg.qr(rows) if len(rows) > rows.shape[1] else (None, rows)


def _singular(product: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """The sum of the singular values s of a product [n, m]; its left [n, k] and right vectors [m, k], times sqrt(s).

    For a large product they come from the eigenvalues s^2 of its square, in half the time. This rounds s by about
    1e-16 / s if the largest is 1, so only values near the root of float64's precision are lost. If they could
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
