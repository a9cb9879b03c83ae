"""Refinement without a network: the grey levels of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, Presets
from ganzoo.settings import Settings

ganzoo_contract = 2

ENOUGH = 10_000  # target images, evenly spaced, from which the histogram is taken


class HistogramMatching(Method):
    """The rule of `skimage.exposure.match_histograms`, with the pixels of all target images as the reference.

    It is written here because that one takes single arrays on the CPU, and would need the target's pixels again.
    """

    name = "histogram-matching"
    reads = ("source", "target")
    summary = "Gives each synthetic image the grey-level histogram of the target, one channel at a time."
    paper = ""
    Config = Settings
    presets: ClassVar[Presets] = {"default": {"train": {"steps": 0}}}
    levels: Tensor  # [C, 256]: the grey levels that occur, ascending, then the last one again
    shares: Tensor  # [C, 256]: the share of the target's pixels up to each of them

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("levels", torch.linspace(-1, 1, 256).repeat(spec.channels, 1))
        self.register_buffer("shares", torch.linspace(1 / 256, 1, 256).repeat(spec.channels, 1))

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        images = target.spread(ENOUGH).images
        for channel in range(images.shape[1]):
            counts = np.bincount(images[:, channel].ravel(), minlength=256)
            levels = np.flatnonzero(counts)
            shares = counts[levels].cumsum() / counts.sum()
            padding = (0, 256 - len(levels))
            self.levels[channel] = torch.from_numpy(np.pad(levels / 127.5 - 1, padding, mode="edge"))
            self.shares[channel] = torch.from_numpy(np.pad(shares, padding, mode="edge"))

    def refine(self, source: Tensor) -> Tensor:
        """Each pixel gets the target's grey level of its own rank in its image, interpolated between levels."""
        pixels = source.flatten(2).contiguous()
        ranks = torch.searchsorted(pixels.sort(-1).values, pixels, right=True) / pixels.shape[-1]
        ranks = rearrange(ranks, "n c p -> c (n p)").contiguous()
        above = torch.searchsorted(self.shares, ranks).clamp(max=255)
        below = (above - 1).clamp(min=0)
        low, high = self.shares.gather(1, below), self.shares.gather(1, above)
        weight = ((ranks - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        matched = torch.lerp(self.levels.gather(1, below), self.levels.gather(1, above), weight)
        return rearrange(matched, "c (n p) -> n c p", n=source.shape[0]).reshape(source.shape)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [HistogramMatching]
