"""Refinement without a network: the grey levels of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.pixel_choice import choose_by_pixels
from ganzoo.settings import Settings

ganzoo_contract = 2

ENOUGH = 10_000  # target images, evenly spaced, from which the histogram is taken


class HistogramMatchingConfig(Settings):
    """Settings of histogram matching."""

    references: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Number of target images of which each image gets the histogram of one; not set: that of all.",
    )


class HistogramMatching(Method):
    """The rule of `skimage.exposure.match_histograms`, with the pixels of all target images as the reference, or with
    those of one target image, which follows from the pixels of the source image.

    It is written here because that one takes single arrays on the CPU, and would need the target's pixels again.
    """

    name = "histogram-matching"
    reads = ("source", "target")
    summary = "Gives each synthetic image the grey-level histogram of the target, one channel at a time."
    paper = ""
    Config = HistogramMatchingConfig
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 0}},
        "per-image": {"method": {"references": 256}, "train": {"steps": 0}},
    }
    levels: Tensor  # [references, C, 256]: the grey levels that occur, ascending, then the last one again
    shares: Tensor  # [references, C, 256]: the share of the pixels up to each of them

    def __init__(self, config: HistogramMatchingConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        shape = (config.references or 1, spec.channels, 1)
        self.register_buffer("levels", torch.linspace(-1, 1, 256).repeat(*shape))
        self.register_buffer("shares", torch.linspace(1 / 256, 1, 256).repeat(*shape))

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        images = target.spread(self.config.references or ENOUGH).images
        for index in range(len(self.levels)):
            pixels = images if self.config.references is None else images[[index % len(images)]]
            for channel in range(images.shape[1]):
                levels, shares = histogram(pixels[:, channel])
                self.levels[index, channel] = torch.from_numpy(levels)
                self.shares[index, channel] = torch.from_numpy(shares)

    def refine(self, source: Tensor) -> Tensor:
        """Each pixel gets the reference's grey level of its own rank in its image, interpolated between levels."""
        pixels = source.flatten(2).contiguous()
        ranks = torch.searchsorted(pixels.sort(-1).values, pixels, right=True) / pixels.shape[-1]
        chosen = choose_by_pixels(source, len(self.levels))
        levels, shares = self.levels[chosen], self.shares[chosen]
        above = torch.searchsorted(shares, ranks).clamp(max=255)
        below = (above - 1).clamp(min=0)
        low, high = shares.gather(2, below), shares.gather(2, above)
        weight = ((ranks - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        return torch.lerp(levels.gather(2, below), levels.gather(2, above), weight).reshape(source.shape)


def histogram(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The grey levels of uint8 pixels, in [-1, 1], and the share of the pixels up to each: [256] and [256]."""
    counts = np.bincount(pixels.ravel(), minlength=256)
    levels = np.flatnonzero(counts)
    shares = counts[levels].cumsum() / counts.sum()
    padding = (0, 256 - len(levels))
    return np.pad(levels / 127.5 - 1, padding, mode="edge"), np.pad(shares, padding, mode="edge")


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [HistogramMatching]
