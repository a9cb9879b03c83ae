"""A choice for each image that follows from its pixels, as if drawn at random."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.pixels import to_uint8

PRIME = 251  # of positions: equal pixels in other places give another choice


def choose_by_pixels(images: Tensor, count: int) -> Tensor:
    """An index for each image [N, C, H, W] in [-1, 1]: int64 [N], from 0 to `count` - 1, all about equally often.

    It is the same for the same image in any batch, on any device, at any time, and after a round trip to 8 bits. Use it
    where a refiner would draw at random, so that refining an image again gives the same result.
    """
    pixels = to_uint8(images).flatten(1).long()
    weights = torch.arange(pixels.shape[1], device=images.device) % PRIME + 1
    mixed = (pixels * weights).sum(1)
    return (mixed ^ (mixed >> 7)) % count  # the last bits of a sum of products are not even
