"""A classical pupil detector: it is not trained, so a change of style cannot have affected it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

NAME = "dark disc minus ring"
RADII = (0.10, 0.13, 0.16)  # of the image's width: the iris of a normalised eye crop, half hidden by lids or not
SHARPNESS = 0.03  # of the response's range: how near the maximum other positions must be to count
CHUNK = 512


def pupil_centers(images: np.ndarray) -> np.ndarray:
    """The centre of the pupil in uint8 images [N, C, H, W]: x, y in pixels [N, 2], (0, 0) the first pixel's centre.

    The response at a position is how much darker a disc is than the ring around it, for the best of three radii; the
    result is the response's soft-argmax, so it moves by fractions of a pixel.
    """
    chunks = [np.array(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)]
    with torch.no_grad():
        return np.concatenate(
            [_centers(torch.from_numpy(chunk).float().mean(1, keepdim=True)).numpy() for chunk in chunks]
        )


def _centers(grey: Tensor) -> Tensor:
    height, width = grey.shape[-2:]
    response = torch.stack([_response(grey, radius * width) for radius in RADII]).amax(0).flatten(1)
    span = response.amax(1, keepdim=True) - response.amin(1, keepdim=True)
    weight = torch.softmax(response / (SHARPNESS * span).clamp_min(1e-6), 1).view(-1, height, width)
    x = (weight.sum(1) * torch.arange(width)).sum(1)
    y = (weight.sum(2) * torch.arange(height)).sum(1)
    return torch.stack([x, y], 1)


def _response(grey: Tensor, radius: float) -> Tensor:
    """Grey levels by which the disc of `radius` px around each pixel is darker than a ring around it: [N, 1, H, W]."""
    outer = radius * 1.5
    reach = int(np.ceil(outer))
    offsets = torch.arange(-reach, reach + 1).float()
    distance = torch.hypot(offsets[:, None], offsets[None, :])
    disc = (radius + 0.5 - distance).clamp(0, 1)  # edges weighted by the part of the pixel inside
    ring = (outer + 0.5 - distance).clamp(0, 1) - disc
    return _local_mean(grey, ring) - _local_mean(grey, disc)


def _local_mean(grey: Tensor, window: Tensor) -> Tensor:
    """The weighted mean over a window around each pixel, of those of its pixels that lie inside the image."""
    kernel, padding = window[None, None], window.shape[0] // 2
    inside = F.conv2d(torch.ones_like(grey[:1]), kernel, padding=padding)
    return F.conv2d(grey, kernel, padding=padding) / inside
