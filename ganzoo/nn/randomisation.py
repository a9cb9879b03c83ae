"""Domain randomisation: images with random appearance, so that a network cannot rely on that of renders."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BLUR = (0.25, 0.5, 0.25)  # of 3 pixels; repeated mixing with the image gives smaller widths


def randomise(images: Tensor, strength: float) -> Tensor:
    """Images [N, C, H, W] in [-1, 1], each with a random gamma, contrast, brightness, shading, highlight, blur, noise
    and blank box. Labels that depend on where things are stay valid.

    At `strength` 1 the ranges are about those by which Park et al. 2018 (GazeML, augmentation of UnityEyes) train on
    renders alone; they are proportional to it, and 0 changes nothing.
    """
    count, _, height, width = images.shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count, 1, 1, 1, device=images.device).uniform_(low, high) * strength

    x = torch.linspace(-1, 1, width, device=images.device).view(1, 1, 1, -1)
    y = torch.linspace(-1, 1, height, device=images.device).view(1, 1, -1, 1)
    lit = ((images + 1) / 2).clamp(0, 1)
    lit = lit.clamp_min(1e-3) ** torch.exp2(uniform(-1, 1))  # gamma from 1/2 to 2
    lit = (lit - 0.5) * torch.exp2(uniform(-0.7, 0.7)) + 0.5 + uniform(-0.15, 0.15)
    lit = lit + uniform(-0.15, 0.15) * x + uniform(-0.15, 0.15) * y  # a light from one side
    lit = lit - uniform(0, 0.25) * (x * x + y * y) / 2  # vignetting
    across, down, size = uniform(-1, 1), uniform(-1, 1), 0.02 + 0.1 * torch.rand_like(lit[:, :1, :1, :1])
    lit = lit + uniform(0, 0.4) * torch.exp(-((x - across).square() + (y - down).square()) / size)  # a reflection
    mix = torch.rand_like(lit[:, :1, :1, :1]) * strength
    lit = lit + mix * (_blurred(lit) - lit)
    lit = lit + uniform(0, 0.08) * torch.randn_like(lit)
    inside = ((x - across).abs() < 0.15) & ((y + down).abs() < 0.2)  # away from the reflection
    blank = inside & (torch.rand_like(lit[:, :1, :1, :1]) < 0.25 * strength)
    lit = torch.where(blank, lit.mean((2, 3), keepdim=True), lit)
    return lit.clamp(0, 1) * 2 - 1


def _blurred(images: Tensor) -> Tensor:
    channels = images.shape[1]
    row = torch.tensor(BLUR, device=images.device, dtype=images.dtype)
    kernel = torch.outer(row, row).expand(channels, 1, 3, 3)
    return F.conv2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)
