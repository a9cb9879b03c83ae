"""Spectral normalisation of a network's weights (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganzoo.nn.full_precision import without_autocast

Network = TypeVar("Network", bound=nn.Module)


def spectral_norm(network: Network) -> Network:
    """`network`, with the weights of all convolutions and linear layers divided by their largest singular value.

    A convolution's weight [out, in, h, w] is taken as the matrix [out, in h w] (section 2.1; a transposed convolution's
    as [out, in h w] too). One step of the power method for each forward pass in training mode follows the weights as
    they change (algorithm 1); its vectors are buffers, and eval mode does not move them. Give the network its initial
    weights before.

    Each forward pass changes buffers, so a method that uses it declares `couples_batch`. The parameter is
    `layer.parametrizations.weight.original`. An exponential moving average takes the vectors of the last weights, which
    are close to, but not, those of the average.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    for layer in layers:
        normalised = parametrizations.spectral_norm(layer).parametrizations
        assert isinstance(normalised, nn.ModuleDict)
        steps = normalised["weight"]
        assert isinstance(steps, nn.ModuleList)
        steps[0] = _InFloat32(steps[0])
    return network


class _InFloat32(nn.Module):
    """A map of a weight. Under autocast its matrix products would be in bfloat16, with two or three digits."""

    def __init__(self, of_weight: nn.Module) -> None:
        super().__init__()
        self.of_weight = of_weight

    def forward(self, weight: Tensor) -> Tensor:
        with without_autocast(weight.device):
            mapped: Tensor = self.of_weight(weight)
            return mapped
