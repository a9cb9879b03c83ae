"""Generating images with recurrent adversarial networks (Im et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.convolutional import Crop, convolutional_discriminator
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.init import normal_init
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings

ganzoo_contract = 2


class GRANConfig(Settings):
    """Settings of GRAN. The defaults fit a laptop; the preset `paper` holds the authors' sizes for 32 x 32 pixels."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose images are learned.")
    time_steps: int = Field(3, ge=1, le=20, description="Times that the generator adds to its canvas (T).")
    latent: int = Field(100, ge=1, description="Dimension of the latent vector, and of the canvas' code.")
    width: int = Field(16, ge=1, description="Feature maps at half the image's size, doubled at each level.")
    levels: int = Field(2, ge=1, description="Times that an image is halved and doubled.")
    generator_lr: float = Field(2e-4, gt=0, description="Learning rate of the generator.")
    discriminator_lr: float = Field(2e-4, gt=0, description="Learning rate of the discriminator.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's decay of the mean gradient.")


class GRAN(Method):
    """As published: each step decodes the latent vector and a code of what the previous step has drawn; all steps share
    their weights and one latent vector (as in the authors' program); the image is the squashed sum of all steps.

    BatchNorm has running statistics of each step, because common ones would be a mixture of all steps; its learned
    scales are shared, as all other weights.
    """

    name = "gran"
    summary = "Draws images in several steps with shared weights: each adds to a canvas what the last one lacks."
    paper = "https://arxiv.org/abs/1602.05110"
    Config = GRANConfig
    checked_at_most: ClassVar = {"width": 8, "levels": 2, "time_steps": 2}
    couples_batch = True  # BatchNorm
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 32}},
        "one-step": {"method": {"time_steps": 1}, "train": {"steps": 3_000, "batch_size": 32}},
        # The authors' program for CIFAR-10; the steps are 100 epochs.
        "paper": {
            "method": {"time_steps": 5, "width": 256, "levels": 3, "generator_lr": 1e-4, "discriminator_lr": 4e-5},
            "train": {"steps": 50_000, "batch_size": 100},
        },
    }

    def __init__(self, config: GRANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        self.generator = RecurrentGenerator(sample, config)
        self.discriminator = convolutional_discriminator(sample, width=config.width, levels=config.levels)
        normal_init(self)

    @classmethod
    def columns(cls, config: GRANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        slow, fast = (adam(lr, config.beta1) for lr in (config.discriminator_lr, config.generator_lr))
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, slow),
            "generator": Phase([self.generator], self.generator_loss, fast),
        }

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        with torch.no_grad():
            made = self.generate(len(batch))
        return discriminator_terms(self.discriminator(batch[self.config.domain]), self.discriminator(made))

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = self.generate(len(batch))
        loss = non_saturating(self.discriminator(made), real=True)
        return {"adversarial": loss, **diversity_term(made, batch[self.config.domain])}

    def draw_latent(self, count: int) -> Tensor:
        """Uniform in [-1, 1]: [count, latent]. All steps receive the same vector."""
        return torch.rand(count, self.config.latent, device=next(self.generator.parameters()).device) * 2 - 1

    def canvases(self, latent: Tensor) -> Tensor:
        """What each step adds [T, N, C, H, W], before the sum is squashed."""
        return torch.stack(self.generator.drawn(latent))

    def generate_from(self, latent: Tensor) -> Tensor:
        made: Tensor = self.generator(latent).float()
        return made

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --discriminator-lr"
        return [
            *mode_collapse(means, "generator/diversity", "generated images", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", fix),
        ]


class RecurrentGenerator(nn.Module):
    """Latent vectors [N, latent] to images [N, C, H, W] in [-1, 1], drawn in `time_steps` steps (section 3.1)."""

    def __init__(self, sample: Column, config: GRANConfig) -> None:
        super().__init__()
        self.time_steps = config.time_steps
        channels, *size = sample.shape
        rows, columns = (-(-side // 2**config.levels) for side in size)
        maps = [config.width * 2**level for level in range(config.levels)]
        steps = config.time_steps
        self.latent = nn.Sequential(nn.Linear(config.latent, config.latent, bias=False), nn.BatchNorm1d(config.latent))
        decoder: list[nn.Module] = [
            nn.Linear(2 * config.latent, maps[-1] * rows * columns, bias=False),
            nn.Unflatten(1, (maps[-1], rows, columns)), StepNorm(maps[-1], steps), nn.ReLU(),
        ]  # fmt: skip
        for wide, narrow in pairwise(reversed(maps)):
            decoder += [_doubling(wide, narrow, bias=False), StepNorm(narrow, steps), nn.ReLU()]
        self.decoder = nn.ModuleList([*decoder, _doubling(maps[0], channels, bias=True), Crop(*size)])
        encoder: list[nn.Module] = []
        for narrow, wide in pairwise([channels, *maps]):
            encoder += [nn.Conv2d(narrow, wide, 5, 2, 2, bias=False), StepNorm(wide, steps), nn.ReLU()]
        self.encoder = nn.ModuleList([*encoder, nn.Flatten(), nn.Linear(maps[-1] * rows * columns, config.latent)])

    def drawn(self, latent: Tensor) -> list[Tensor]:
        """What each step adds to the canvas [N, C, H, W]."""
        hidden = self.latent(latent).tanh()
        code, canvases = torch.zeros_like(hidden), list[Tensor]()
        for step in range(self.time_steps):
            if step:
                code = _at_step(self.encoder, canvases[-1], step).tanh()  # of the last canvas alone, not of the sum
            canvases.append(_at_step(self.decoder, torch.cat([hidden, code], 1), step))
        return canvases

    def forward(self, latent: Tensor) -> Tensor:
        return torch.stack(self.drawn(latent)).sum(0).tanh()


class StepNorm(nn.Module):
    """BatchNorm of maps [N, M, h, w] with running statistics of each step, and scales and shifts for all steps."""

    def __init__(self, maps: int, time_steps: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList([nn.BatchNorm2d(maps, affine=False) for _ in range(time_steps)])
        self.weight, self.bias = nn.Parameter(torch.ones(maps, 1, 1)), nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, values: Tensor, step: int) -> Tensor:
        normal: Tensor = self.steps[step](values)
        return normal * self.weight + self.bias


def _at_step(layers: nn.ModuleList, values: Tensor, step: int) -> Tensor:
    for layer in layers:
        values = layer(values, step) if isinstance(layer, StepNorm) else layer(values)
    return values


def _doubling(channels: int, maps: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, maps, 5, 2, 2, output_padding=1, bias=bias)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [GRAN]
