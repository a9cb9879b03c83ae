"""Fourier Domain Adaptation (Yang and Soatto 2020): the target's low spatial frequencies, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

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


class FDAConfig(Settings):
    """Settings of FDA."""

    band: float = Field(
        0.09,
        gt=0,
        le=1,
        description="Beta of the paper: frequencies up to this share of the shorter side of an image, in cycles per "
        "image, get their amplitudes from the target. The paper uses .01, .05 and .09 on large images.",
    )
    references: int = Field(256, ge=1, le=10_000, description="Number of target images whose amplitudes are kept.")


class FDA(Method):
    """Equation 3: the amplitudes of the low frequencies are those of a target image, and all phases stay.

    The paper draws a target image each time that it reads a source image. Here the target image follows from the
    pixels of the source image, as if drawn at random, so that refining the same image again gives the same result.
    """

    name = "fda"
    reads = ("source", "target")
    summary = "Gives each synthetic image the amplitudes of a target image's low spatial frequencies."
    paper = "https://arxiv.org/abs/2004.05498"
    Config = FDAConfig
    presets: ClassVar[Presets] = {"default": {"train": {"steps": 0}}}
    amplitudes: Tensor  # [references, C, H, W]: of images in [0, 1], frequency 0 first

    def __init__(self, config: FDAConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("amplitudes", torch.zeros(config.references, *spec.sample.shape))

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        if spec.sample.kind != "image" or radius_of(config.band, *spec.sample.shape[1:]):
            return ""
        height, width = spec.sample.shape[1:]
        least = f"give {1 / min(height, width):.3f} or more"
        return f"would only change the mean of {height} x {width} images with --band {config.band:g}; {least}"

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        images = torch.tensor(target.spread(len(self.amplitudes)).images).to(self.amplitudes.device)
        found = torch.fft.fft2(images.float() / 255).abs()
        self.amplitudes.copy_(found[torch.arange(len(self.amplitudes), device=found.device) % len(found)])

    def refine(self, source: Tensor) -> Tensor:
        spectrum = torch.fft.fft2((source.float() + 1) / 2)
        amplitude = self.amplitudes[choose_by_pixels(source, len(self.amplitudes))]
        low = low_frequencies(self.config.band, amplitude)
        mixed = torch.polar(torch.where(low, amplitude, spectrum.abs()), spectrum.angle())
        return torch.fft.ifft2(mixed).real.clamp(0, 1) * 2 - 1


def radius_of(band: float, height: int, width: int) -> int:
    """Highest frequency whose amplitude is taken from the target, in cycles per image (section 3.1)."""
    return int(min(height, width) * band + 1e-9)


def low_frequencies(band: float, spectrum: Tensor) -> Tensor:
    """Which frequencies of a spectrum [..., H, W] are in the band: bool [H, W]."""
    height, width = spectrum.shape[-2:]
    rows, columns = (torch.fft.fftfreq(size, 1 / size, device=spectrum.device).abs() for size in (height, width))
    radius = radius_of(band, height, width)
    return (rows[:, None] <= radius) & (columns <= radius)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [FDA]
