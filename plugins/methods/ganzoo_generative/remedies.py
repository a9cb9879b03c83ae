"""The settings of remedies for unstable training, which `gan` and `dcgan` share; all are off by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo.nn.remedies import instance_noise, on_sphere, pack
from ganzoo.settings import Settings

ALL_REMEDIES: Mapping[str, Any] = {
    "instance_noise": 0.1, "label_smoothing": 0.1, "latents": "spherical", "packing": 2,
}  # fmt: skip


class RemediesConfig(Settings):
    """Settings of remedies. One that is off is None, and so absent in the settings of a run."""

    instance_noise: float | None = Field(
        None, gt=0, description="Standard deviation, at the start, of noise on all that the discriminator sees; it "
        "falls linearly to zero. Not given: none.",
    )  # fmt: skip
    label_smoothing: float | None = Field(
        None, gt=0, lt=0.5, description="Share by which the class of real samples is smoothed (one-sided)."
    )
    latents: Literal["spherical"] | None = Field(
        None, description="spherical: latent vectors are drawn on a sphere; not given: in a cube."
    )
    packing: int | None = Field(None, ge=2, le=16, description="Samples that the discriminator judges together.")


def judged(samples: Tensor, progress: Tensor, config: RemediesConfig) -> Tensor:
    """What the discriminator sees of samples [N, C, ...]: [N / packing, packing C, ...]."""
    if config.instance_noise:
        samples = instance_noise(samples, config.instance_noise * (1 - progress))
    return pack(samples, config.packing) if config.packing else samples


def latents(count: int, size: int, config: RemediesConfig, *, like: nn.Module) -> Tensor:
    """Latent vectors [count, size], uniform in [-1, 1], or on the sphere of the same variance (1/3 a number)."""
    device = next(like.parameters()).device
    if config.latents == "spherical":
        return on_sphere(torch.randn(count, size, device=device)) / 3**0.5
    return torch.rand(count, size, device=device) * 2 - 1
