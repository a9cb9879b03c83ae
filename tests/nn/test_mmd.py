"""Bandwidths of the maximum mean discrepancy, and its precision."""

from __future__ import annotations

import pytest
import torch

from ganzoo.nn.mmd import bandwidths, squared_mmd


def test_bandwidths_are_multiples_of_the_mean_squared_distance():
    torch.manual_seed(0)
    a, b = torch.randn(5, 3), torch.randn(7, 3) + 2
    rows = torch.cat([a, b])
    distances = [(rows[i] - rows[j]).square().sum() for i in range(12) for j in range(12) if i != j]
    mean = float(torch.stack(distances).mean())
    assert [float(each) for each in bandwidths(a, b)] == pytest.approx([mean / 8, mean / 4, mean / 2, mean, 2 * mean])


def test_bandwidths_carry_no_gradient_and_are_positive_for_equal_rows():
    a = torch.ones(4, 2, requires_grad=True)
    widths = bandwidths(a, a)
    assert not any(each.requires_grad for each in widths)
    assert all(float(each) > 0 for each in widths)
    assert float(squared_mmd(a, a, widths).detach()) == 0


def test_the_discrepancy_does_not_depend_on_the_scale_of_features_then():
    torch.manual_seed(0)
    a, b = torch.randn(30, 4), torch.randn(30, 4) + 1
    torch.testing.assert_close(
        squared_mmd(a, b, bandwidths(a, b)), squared_mmd(100 * a, 100 * b, bandwidths(100 * a, 100 * b))
    )


def test_it_is_computed_in_float32_under_autocast():
    """In bfloat16 a discrepancy of near distributions is rounding error."""
    torch.manual_seed(0)
    a, b = torch.randn(64, 256), torch.randn(64, 256) + 0.1
    plain = squared_mmd(a, b, [256.0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(squared_mmd(a, b, [256.0]), plain)
