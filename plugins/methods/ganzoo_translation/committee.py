"""Several refiners of which each image has one, so that the luck of a single refiner averages out over a data set."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganzoo.nn.pixel_choice import choose_by_pixels


class Committee(nn.Module):
    """Refiners with different first weights. The member that refines an image follows from its pixels, as if drawn at
    random, so an image is refined alike in any batch, on any device and at any time, and during training by the same
    member as afterwards."""

    def __init__(self, count: int, build: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(build() for _ in range(count))

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] in [-1, 1], refined. All members refine all images, of which one result is taken: the
        number of images of a member would be a shape that is known only on the device."""
        made = torch.stack([member(images) for member in self.members])
        own = choose_by_pixels(images, len(self.members)).view(1, -1, 1, 1, 1).expand(1, *made.shape[1:])
        return made.gather(0, own)[0]
