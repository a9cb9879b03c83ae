"""The two forms of an image: uint8 pixels on disk, floats in [-1, 1] in a network."""

from __future__ import annotations

import torch
from torch import Tensor


def to_unit_range(images: Tensor) -> Tensor:
    """uint8 as float32 in [-1, 1]."""
    return images.float() / 127.5 - 1


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] as uint8: the inverse of `to_unit_range`, rounded."""
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def as_input(samples: Tensor) -> Tensor:
    """Samples as a network receives them: uint8 images in [-1, 1], vectors as float32."""
    return to_unit_range(samples) if samples.dtype == torch.uint8 else samples.float()
