"""Rotation of images about their centres."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def rotate(images: Tensor, angle: Tensor) -> Tensor:
    """Images [N, C, H, W], each rotated by its `angle` [N] in radians; the border is repeated outwards.

    A point at (x, y) from the centre (x right, y down, in pixels) moves to (x cos a - y sin a, x sin a + y cos a): with
    a positive angle the picture turns clockwise. Vectors of a camera with these axes turn with it.
    """
    height, width = images.shape[-2:]
    cos, sin = angle.cos(), angle.sin()
    zero = torch.zeros_like(cos)
    # grid_sample asks where a pixel comes from, in halves of the width and height: the inverse, in those units
    back = torch.stack(
        [torch.stack([cos, sin * (height / width), zero], -1), torch.stack([-sin * (width / height), cos, zero], -1)], 1
    )
    grid = F.affine_grid(back, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="border", align_corners=False)
