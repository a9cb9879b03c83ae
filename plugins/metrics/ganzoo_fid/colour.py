"""How images enter the ImageNet networks: in colour, in batches, in full float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

BATCH = 64  # images at once: 299 x 299 activations of more would crowd a laptop's memory
GREY = "repeated to three channels"


def in_colour(network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """`network` over uint8 images [N, 1 or 3, H, W], given as float32 [N, 3, H, W] in 0..255.

    TF32 is disabled meanwhile: on a GPU it would change the third digit of a distance.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
        return torch.cat([network(batch.expand(-1, 3, -1, -1).float()) for batch in images.split(BATCH)])
