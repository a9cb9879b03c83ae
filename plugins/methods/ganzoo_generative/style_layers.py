"""The layers of StyleGAN2 (Karras et al. 2020, section 2.2), with equalised learning rates (Karras et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo.nn.full_precision import without_autocast


class EqualizedLinear(nn.Module):
    """A linear layer whose stored weights have unit deviation; what it computes with is scaled by He's constant.

    `rate` multiplies the layer's learning rate: weights and bias are stored larger by its inverse.
    """

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.rate, self.scale = rate, rate / inputs**0.5
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))

    def forward(self, values: Tensor) -> Tensor:
        return F.linear(values, self.weight * self.scale, self.bias * self.rate)


class EqualizedConv2d(nn.Module):
    """The same as a convolution that preserves the size, or halves it with `stride` 2."""

    def __init__(self, channels: int, maps: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.padding, self.scale = stride, kernel // 2, (channels * kernel**2) ** -0.5
        self.weight = nn.Parameter(torch.randn(maps, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, images: Tensor) -> Tensor:
        return F.conv2d(images, self.weight * self.scale, self.bias, self.stride, self.padding)


class ModulatedConv2d(nn.Module):
    """Maps [N, C, h, w] and styles [N, D] to maps [N, M, h, w].

    A style scales the weights of each input map (equation 1), and demodulation divides those of each output map by
    their norm (equation 3), so that unit inputs give unit outputs. Both are done on the maps before and after a
    convolution with common weights, which is the same. `demodulated` is False for the layer that gives pixels.
    """

    def __init__(self, channels: int, maps: int, kernel: int, styles: int, *, demodulated: bool = True) -> None:
        super().__init__()
        self.padding, self.scale, self.demodulated = kernel // 2, (channels * kernel**2) ** -0.5, demodulated
        self.weight = nn.Parameter(torch.randn(maps, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(maps))
        self.style = EqualizedLinear(styles, channels, bias=1.0)

    def forward(self, maps: Tensor, styles: Tensor) -> Tensor:
        scale, weight = self.style(styles), self.weight * self.scale
        made = F.conv2d(maps * scale[:, :, None, None], weight, padding=self.padding)
        if self.demodulated:
            made = made * demodulation(scale, weight)[:, :, None, None].to(made.dtype)
        return made + self.bias[:, None, None]


def demodulation(scale: Tensor, weight: Tensor) -> Tensor:
    """One over the norm of the weights of each output map [M, C, k, k] with scaled inputs [N, C]: float32 [N, M]."""
    with without_autocast(scale.device):  # there, a product of float32 is one of bfloat16
        square = scale.float().square() @ weight.float().square().sum((2, 3)).T
    return (square + 1e-8).rsqrt()


class StyledLayer(nn.Module):
    """A modulated 3 x 3 convolution, noise with a learned strength that is zero at first, and LeakyReLU with gain."""

    def __init__(self, channels: int, maps: int, styles: int) -> None:
        super().__init__()
        self.convolution = ModulatedConv2d(channels, maps, 3, styles)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor, styles: Tensor, noise: Tensor) -> Tensor:
        """`noise` is one plane [N, 1, h, w]."""
        return leaky(self.convolution(maps, styles) + self.strength * noise)


def leaky(values: Tensor) -> Tensor:
    """LeakyReLU of .2, times the root of 2, which preserves the mean square."""
    return F.leaky_relu(values, 0.2) * 2**0.5
