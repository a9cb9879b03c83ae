"""Facts of spectral normalisation (Miyato et al. 2018)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganzoo.nn.spectral_norm import spectral_norm

LAYERS = {
    "linear": lambda: nn.Linear(6, 9),
    "convolution": lambda: nn.Conv2d(3, 8, 3),
    "transposed": lambda: nn.ConvTranspose2d(5, 4, 4, 2),
}
INPUT = {"linear": (2, 6), "convolution": (2, 3, 7, 7), "transposed": (2, 5, 4, 4)}


def largest_singular_value(layer):
    weight = layer.weight.detach()
    rows = weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else weight
    return torch.linalg.svdvals(rows.flatten(1))[0].item()


@pytest.mark.parametrize("kind", list(LAYERS))
def test_after_a_few_passes_the_largest_singular_value_is_1(kind):
    torch.manual_seed(0)
    layer = spectral_norm(nn.Sequential(LAYERS[kind]()))[0]
    with torch.no_grad():
        layer.parametrizations.weight.original.mul_(7)  # its norm was known before
        for _ in range(60):
            layer(torch.randn(INPUT[kind]))
    assert largest_singular_value(layer) == pytest.approx(1, rel=1e-3)


def test_a_diagonal_weight_is_divided_by_its_largest_entry():
    linear = nn.Linear(2, 2, bias=False)
    linear.weight.data = torch.diag(torch.tensor([3.0, 1.0]))
    layer = spectral_norm(nn.Sequential(linear))[0]
    for _ in range(10):
        layer(torch.ones(1, 2))
    torch.testing.assert_close(layer.weight.detach(), torch.diag(torch.tensor([1.0, 1 / 3])))


def test_eval_mode_moves_no_vector_and_training_mode_does():
    network = spectral_norm(nn.Sequential(nn.Linear(30, 30)))
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    assert len(before) == 2
    network.eval()(torch.ones(1, 30))
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())
    network.train()(torch.ones(1, 30))
    assert not any(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())


def test_the_gradient_is_orthogonal_to_the_weight():
    """The normalised weight does not change along the weight itself (equation 12, up to the power method)."""
    torch.manual_seed(0)
    layer = spectral_norm(nn.Sequential(nn.Linear(5, 5)))[0]
    for _ in range(50):
        layer(torch.ones(1, 5))
    layer(torch.randn(8, 5)).square().sum().backward()
    weight = layer.parametrizations.weight.original
    assert (weight * weight.grad).sum().abs() < 1e-4 * weight.norm() * weight.grad.norm()


def test_the_norm_is_taken_in_float32_under_autocast():
    layer = spectral_norm(nn.Sequential(nn.Linear(64, 64)))[0]
    for _ in range(5):
        layer(torch.ones(1, 64))
    layer.eval()
    plain = layer.weight.detach()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.weight, plain)
        assert layer(torch.ones(1, 64)).dtype is torch.bfloat16
