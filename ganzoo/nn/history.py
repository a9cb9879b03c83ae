"""A buffer of past refined images (Shrivastava et al. 2017, section 2.3; used again by Zhu et al. 2017, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganzoo.pixels import to_uint8


class History(nn.Module):
    """Mixes fresh images with images that earlier states of the same network generated.

    All state is in buffers and nothing waits for the device, so it resumes bit-exact and can be captured. Images are
    kept as uint8, a quarter of float32: its step of 1/127.5 is that of an image file, and of each real image.
    """

    images: Tensor  # uint8 [size, C, H, W]
    filled: Tensor  # int64 0-d: number of stored images

    def __init__(self, size: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, channels, height, width, dtype=torch.uint8))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    def mix(self, fresh: Tensor, count: int) -> Tensor:
        """`count` images [count, C, H, W] in [-1, 1], half of them `fresh`, half of the past; then store `fresh`.

        `fresh` [ceil(count / 2), C, H, W] in [-1, 1] is all that must be generated. If `count` is odd, it is
        random whether the odd one is fresh. While the buffer is empty, fresh images replace past ones.
        """
        if len(fresh) != (count + 1) // 2:
            raise ValueError(f"a mix of {count} images needs {(count + 1) // 2} fresh ones, not {len(fresh)}")
        fresh = fresh.detach()
        past = self._recall(fresh)
        self._store(fresh)
        if count % 2:
            coin = torch.rand((), device=fresh.device) < 0.5
            fresh = torch.cat([fresh[:-1], torch.where(coin, past[-1:], fresh[-1:])])
        return torch.cat([fresh, past])[:count]

    def _recall(self, fresh: Tensor) -> Tensor:
        """As many past images as there are fresh ones, drawn from the filled part of the buffer."""
        rows = (torch.rand(len(fresh), device=fresh.device) * self.filled).long()
        past = self.images[rows].to(fresh.dtype) / 127.5 - 1
        return torch.where(self.filled > 0, past, fresh)

    def _store(self, fresh: Tensor) -> None:
        """Put `fresh` into free places first, in order, then in place of random old images."""
        size = len(self.images)
        fresh = fresh[:size]
        place = torch.arange(size, device=fresh.device)
        # The smallest keys are written to. They are distinct places, so the outcome never depends on the writing order.
        key = torch.where(place < self.filled, 1 + torch.rand(size, device=fresh.device), place / size)
        places = key.topk(len(fresh), largest=False).indices
        self.images[places] = to_uint8(fresh)
        self.filled.copy_((self.filled + len(fresh)).clamp(max=size))
