"""Maximum mean discrepancy (Gretton et al. 2012): a distance between two distributions, from samples of both."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def squared_mmd(a: Tensor, b: Tensor, variances: Sequence[float]) -> Tensor:
    """The biased estimate of the squared discrepancy of rows [N, D] and [M, D]: 0-d, never negative but for rounding.

    The kernel is the sum over `variances` s of exp(-|x - y|^2 / (2 s)) (Li et al. 2015, section 3). It computes in
    float32 under autocast too: differences of kernels near 1 are rounding in bfloat16.
    """
    a, b = a.float().flatten(1), b.float().flatten(1)
    rows = torch.cat([a, b])
    products = rows @ rows.T
    squares = products.diagonal()
    distances = (squares[:, None] + squares[None] - 2 * products).clamp_min(0)
    kernel = sum(torch.exp(-distances / (2 * variance)) for variance in variances)
    assert isinstance(kernel, Tensor)
    n = len(a)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
