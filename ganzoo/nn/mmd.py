"""Maximum mean discrepancy (Gretton et al. 2012): a distance between two distributions, from samples of both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.nn.full_precision import without_autocast


def bandwidths(a: Tensor, b: Tensor, powers: Sequence[int] = (-3, -2, -1, 0, 1)) -> list[Tensor]:
    """Variances for `squared_mmd`, from rows [N, D] and [M, D]: their mean squared distance times 2^k for each power
    k, each 0-d and without gradient.

    Source: Long et al. 2015 (Deep Adaptation Networks), section 4.1, who take powers from -8 to 8 of the median; the
    mean and these five powers are those of the authors' code.
    """
    rows = torch.cat([a, b]).detach().float().flatten(1)
    centred = rows - rows.mean(0)
    mean = 2 * len(rows) / (len(rows) - 1) * centred.square().sum(1).mean()  # over all pairs of different rows
    return [mean.clamp_min(1e-12) * 2.0**power for power in powers]


def squared_mmd(a: Tensor, b: Tensor, variances: Sequence[float | Tensor]) -> Tensor:
    """The biased estimate of the squared discrepancy of rows [N, D] and [M, D]: 0-d, never negative but for rounding.

    The kernel is the sum over `variances` s of exp(-|x - y|^2 / (2 s)) (Li et al. 2015, section 3). It computes in
    float32 under autocast too: differences of kernels near 1 are rounding in bfloat16.
    """
    a, b = a.float().flatten(1), b.float().flatten(1)
    rows = torch.cat([a, b])
    with without_autocast(rows.device):
        products = rows @ rows.T
    squares = products.diagonal()
    distances = (squares[:, None] + squares[None] - 2 * products).clamp_min(0)
    kernel = sum(torch.exp(-distances / (2 * variance)) for variance in variances)
    assert isinstance(kernel, Tensor)
    n = len(a)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
