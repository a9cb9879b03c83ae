"""The weight of a second loss from the lengths of gradients."""

from __future__ import annotations

import pytest
import torch

from ganzoo.nn.gradient_balance import MOST, GradientBalance


def lengths(shared, *losses):
    return [torch.autograd.grad(loss, shared, retain_graph=True)[0].norm() for loss in losses]


def test_the_factor_makes_both_gradients_equally_long():
    torch.manual_seed(0)
    shared = torch.randn(6, 4, requires_grad=True)
    first, second = shared.square().mean(), 300 * shared.sin().sum()
    factor = GradientBalance()(first, second, shared)
    assert not factor.requires_grad
    long, short = lengths(shared, factor * second, first)
    torch.testing.assert_close(long, short)


def test_lengths_are_averaged_over_updates_with_equal_bias():
    balance = GradientBalance(decay=0.5)
    shared = torch.ones(1, requires_grad=True)
    balance(2 * shared.sum(), shared.sum(), shared)  # lengths 2 and 1
    factor = balance(4 * shared.sum(), shared.sum(), shared)  # 4 and 1
    assert float(factor) == pytest.approx((0.25 * 2 + 0.5 * 4) / (0.25 + 0.5))


def test_a_vanishing_gradient_gives_a_finite_factor():
    shared = torch.ones(1, requires_grad=True)
    assert float(GradientBalance()(shared.sum(), 0 * shared.sum(), shared)) == MOST


def test_the_state_is_in_the_state_dict():
    shared = torch.ones(1, requires_grad=True)
    balance, other = GradientBalance(), GradientBalance()
    balance(shared.sum(), 3 * shared.sum(), shared)
    other.load_state_dict(balance.state_dict())
    again = [each(shared.sum(), 2 * shared.sum(), shared) for each in (balance, other)]
    assert torch.equal(*again)
