"""The vicinity of a label: which samples of a batch may stand for it (Ding et al. 2021), in any dimension."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1e-6  # of kappa: equal labels still are in each other's vicinity
NEGLIGIBLE = 1e-3  # a soft weight below it is zero, as in the authors' code


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances [T, N] of rows [T, K] and [N, K], exactly 0 for equal ones."""
    return (a[:, None] - b[None]).norm(dim=-1)


def neighbour_gap(labels: Tensor, neighbours: int, quantile: float) -> Tensor:
    """A quantile of the distances from labels [N, K] to their k-th nearest other label: 0-d.

    The paper takes the largest gap between sorted labels, which are numbers. In several dimensions labels are not
    sorted, and the largest gap is that of one outlier.
    """
    k = min(neighbours, len(labels) - 1)
    gaps = distances(labels, labels).sort(1).values[:, k].sort().values  # column 0 is the distance to itself
    return gaps[int(quantile * (len(labels) - 1))]


def vicinal_weights(targets: Tensor, labels: Tensor, kappa: Tensor | float, *, soft: bool) -> Tensor:
    """Weights [T, N] of samples with labels [N, K] for target labels [T, K].

    Hard: 1 within the distance kappa, else 0 (equation 7). Soft: exp(-(distance / kappa)^2), which is exp(-1) at kappa,
    and 0 where that is below 1e-3, beyond 2.63 kappa (equation 9 with nu = 1 / kappa^2).
    """
    scaled = distances(targets, labels) / torch.as_tensor(kappa, device=labels.device).clamp_min(LEAST)
    if not soft:
        return (scaled <= 1).float()
    weights = torch.exp(-scaled.square())
    return torch.where(weights >= NEGLIGIBLE, weights, 0.0)


def shares(weights: Tensor) -> Tensor:
    """Weights [T, N] with equal sums in all rows that have any, and the sum 1 over all: for means over a vicinity, and
    over the targets that have one."""
    total = weights.sum(1, keepdim=True)
    rows = weights / total.clamp_min(NEGLIGIBLE)
    return rows / (total > 0).sum().clamp_min(1)
