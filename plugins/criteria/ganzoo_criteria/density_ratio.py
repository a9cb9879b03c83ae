"""The ratio of two densities, from a classifier that tells their samples apart."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize


def density_ratio(source: np.ndarray, target: np.ndarray, *, penalty: float) -> np.ndarray:
    """p_target / p_source at the source's points [N, D]; the target's are [M, D]: [N], positive.

    Bickel et al. 2007: N / M times the odds of a logistic regression of the domain. Its inputs are the standardised
    coordinates and their squares, so that it is exact for Gaussians with diagonal covariances; `penalty` / 2 times the
    squared weights, but not the intercept, is added to the sum of the losses.
    """
    both = np.concatenate([source, target])
    middle, scale = both.mean(0), both.std(0)
    moved = (both - middle) / np.where(scale > 1e-12, scale, 1.0)
    inputs = np.concatenate([moved, moved**2, np.ones((len(both), 1))], axis=1)
    label = np.concatenate([-np.ones(len(source)), np.ones(len(target))])
    strength = np.append(np.full(inputs.shape[1] - 1, penalty), 0.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = label * (inputs @ weights)
        slope = -label / (1 + np.exp(np.clip(margin, -500, 500)))
        value = np.logaddexp(0, -margin).sum() + (strength * weights**2).sum() / 2
        return float(value), inputs.T @ slope + strength * weights

    found = minimize(loss, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 1_000})
    odds = np.exp(np.clip(inputs[: len(source)] @ found.x, -50, 50))
    ratio: np.ndarray = odds * len(source) / len(target)
    return ratio


def effective_share(weights: np.ndarray) -> float:
    """The effective sample size (sum w)^2 / sum w^2 (Kish 1965), as a share of the number of samples."""
    return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))


def principal_components(source: np.ndarray, target: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of rows, [N, D] and [M, D], on the first principal components of the two together."""
    both = np.concatenate([source, target])
    both = both - both.mean(0)
    _, vectors = np.linalg.eigh(both.T @ both / len(both))
    made = both @ vectors[:, ::-1][:, :count]
    return made[: len(source)], made[len(source) :]
