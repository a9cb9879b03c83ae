"""Augmentation of training images that keeps their labels valid."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def augment(images: Tensor) -> Tensor:
    """Images [N, C, H, W] in [-1, 1], each with a random shift, scale and illumination.

    Nothing here changes the gaze: shifts and scales are those of a slightly displaced crop.
    """
    count, height, width = len(images), images.shape[-2], images.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count, 1, 1, 1, device=images.device).uniform_(low, high)

    x = torch.linspace(-1, 1, width, device=images.device).view(1, 1, 1, -1)
    y = torch.linspace(-1, 1, height, device=images.device).view(1, 1, -1, 1)
    size, shift = uniform(0.9, 1.1), 4 / width  # 2 px; the grid is 2 wide
    across = (x * size + uniform(-shift, shift)).expand(-1, -1, height, -1)
    down = (y * size + uniform(-shift, shift) * width / height).expand(-1, -1, -1, width)
    moved = F.grid_sample(images, torch.stack([across, down], -1)[:, 0], padding_mode="border", align_corners=True)

    lit = moved * uniform(0.6, 1.4) + uniform(-0.3, 0.3) + x * uniform(-0.4, 0.4) + y * uniform(-0.4, 0.4)
    return lit.clamp(-1, 1)
