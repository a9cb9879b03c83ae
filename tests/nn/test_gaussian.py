"""Closed forms of normal distributions against torch.distributions and against Monte Carlo."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from ganzoo.nn.gaussian import (
    divergence_from_standard,
    mean_and_log_variance,
    negative_log_likelihood,
    reparameterised,
)

MEAN = torch.tensor([[0.0, 0.0], [1.0, -2.0], [0.5, 3.0]])
LOG_VARIANCE = torch.tensor([[0.0, 0.0], [0.3, -1.0], [-2.0, 1.5]])


def normal(mean, log_variance):
    return Independent(Normal(mean, (log_variance / 2).exp()), 1)


def test_the_divergence_is_torchs_and_zero_for_the_standard_normal():
    standard = normal(torch.zeros_like(MEAN), torch.zeros_like(MEAN))
    found = divergence_from_standard(MEAN, LOG_VARIANCE)
    assert torch.allclose(found, kl_divergence(normal(MEAN, LOG_VARIANCE), standard), atol=1e-6)
    assert found[0] == 0


def test_the_divergence_is_the_mean_log_ratio_of_samples():
    torch.manual_seed(0)
    mean, log_variance = (values[1:2].expand(200_000, -1) for values in (MEAN, LOG_VARIANCE))
    codes = reparameterised(mean, log_variance)
    standard = normal(torch.zeros_like(mean), torch.zeros_like(mean))
    ratio = normal(mean, log_variance).log_prob(codes) - standard.log_prob(codes)
    assert ratio.mean().item() == pytest.approx(divergence_from_standard(MEAN, LOG_VARIANCE)[1].item(), rel=0.01)


@pytest.mark.parametrize("deviation", [0.05, 1.0, 3.0])
def test_the_likelihood_is_torchs_summed_over_all_numbers_of_a_row(deviation):
    torch.manual_seed(0)
    values, mean = torch.randn(3, 1, 4, 5), torch.randn(3, 1, 4, 5)
    expected = -Normal(mean, deviation).log_prob(values).flatten(1).sum(1)
    assert torch.allclose(negative_log_likelihood(values, mean, deviation), expected, rtol=1e-5)


def test_gradients_reach_mean_and_variance_through_a_sample():
    mean, log_variance = torch.zeros(64, 2, requires_grad=True), torch.zeros(64, 2, requires_grad=True)
    reparameterised(mean, log_variance).square().sum().backward()
    assert mean.grad.abs().min() > 0
    assert log_variance.grad.min() >= 0, "a larger variance makes larger squares"


def test_an_extreme_output_of_a_network_stays_finite():
    mean, log_variance = mean_and_log_variance(torch.tensor([[1.0, 500.0], [1.0, -500.0]]))
    assert divergence_from_standard(mean, log_variance).isfinite().all()
    assert (reparameterised(mean, log_variance) != mean).all()
