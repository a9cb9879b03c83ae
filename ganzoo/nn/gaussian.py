"""Normal distributions with a diagonal covariance: of codes (variational autoencoders) and of reconstructions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEAST, MOST = -10.0, 10.0  # of a logarithm of a variance: exp must not overflow, and a sample must not be exact


def mean_and_log_variance(values: Tensor) -> tuple[Tensor, Tensor]:
    """The outputs [N, 2 D] of a network as the mean and the logarithm of the variance: each [N, D] in float32."""
    mean, log_variance = values.float().chunk(2, 1)
    return mean, log_variance.clamp(LEAST, MOST)


def reparameterised(mean: Tensor, log_variance: Tensor) -> Tensor:
    """One sample of each distribution [N, D], through which gradients reach mean and variance.

    Source: Kingma and Welling 2014, section 2.4.
    """
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def divergence_from_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each row, summed over its numbers, in nats: [N].

    Source: Kingma and Welling 2014, appendix B.
    """
    return (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2


def negative_log_likelihood(values: Tensor, mean: Tensor, deviation: float) -> Tensor:
    """-log N(values; mean, deviation^2) of each row, summed over its numbers, in nats: [N], of [N, ...] both."""
    square = (values.float() - mean.float()).flatten(1).square()
    return (square / (2 * deviation**2) + math.log(deviation * math.sqrt(2 * math.pi))).sum(1)
