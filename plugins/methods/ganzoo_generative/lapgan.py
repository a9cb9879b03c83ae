"""Deep generative image models using a Laplacian pyramid of adversarial networks (Denton et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings

ganzoo_contract = 2


class LAPGANConfig(Settings):
    """Settings of LAPGAN. The defaults fit a laptop; the preset `paper` holds the authors' sizes and optimizer."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose images are learned.")
    levels: int = Field(2, ge=1, le=6, description="Times that an image is halved; each level has its own networks.")
    latent: int = Field(100, ge=1, description="Dimension of the coarsest level's latent vector.")
    width: int = Field(256, ge=1, description="Units of each of two hidden layers of the coarsest networks.")
    maps: int = Field(12, ge=1, description="Feature maps of the convolutional networks of the other levels.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout of the discriminators' last hidden layers.")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="Adam with beta1 .5, or SGD with momentum .5.")
    lr: float = Field(5e-4, gt=0, description="Learning rate of all networks.")


class LAPGAN(Method):
    """As published: levels are trained independently of each other; those above the coarsest generate the difference
    between an image and its low-pass version, to which a plane of noise is added as a channel; in training the low-pass
    version is that of a real image, in sampling that of the level below; a discriminator adds the low-pass image to the
    difference before it judges.

    Departures: the two samples of a discriminator's update share their low-pass images (the authors draw others);
    images are halved by the mean of 2 x 2 pixels and doubled bilinearly; each level's result is limited to [-1, 1];
    there are no classes.
    """

    name = "lapgan"
    summary = "Generates images from coarse to fine: each level of a Laplacian pyramid has its own adversarial pair."
    paper = "https://arxiv.org/abs/1506.05751"
    Config = LAPGANConfig
    checked_at_most: ClassVar = {"width": 64, "maps": 4}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 32}},
        # The authors' program for CIFAR-10 (8, 14 and 28 pixels there). Its momentum rises from 0 to .7; here it is .5.
        "paper": {
            "method": {"width": 1200, "maps": 64, "optimizer": "sgd", "lr": 0.02},
            "train": {"steps": 80_000, "batch_size": 128},
        },
    }

    def __init__(self, config: LAPGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        channels, rows, columns = spec.column(config.domain).shape
        self.sizes = [(rows >> fold, columns >> fold) for fold in range(config.levels, -1, -1)]  # coarsest first
        self.coarsest = Column((channels, *self.sizes[0]))
        size = prod(self.coarsest.shape)
        self.generators = nn.ModuleList([perceptron(config.latent, config.width, 2, size)])
        self.discriminators = nn.ModuleList([_coarsest_discriminator(size, config)])
        for rows, columns in self.sizes[1:]:
            self.generators.append(_residual_generator(channels, config.maps))
            self.discriminators.append(_level_discriminator(channels, rows, columns, config))

    @classmethod
    def columns(cls, config: LAPGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    @classmethod
    def declines(cls, config: LAPGANConfig, spec: DataSpec) -> str:
        column = spec.columns.get(config.domain)
        if column is None or column.kind != "image" or not any(side % 2**config.levels for side in column.shape[1:]):
            return ""
        return f"takes images whose sides are multiples of {2**config.levels} pixels (or fewer --levels)"

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        optimizer = adam(config.lr) if config.optimizer == "adam" else partial(SGD, lr=config.lr, momentum=0.5)
        found = {}
        for level, (generator, discriminator) in enumerate(zip(self.generators, self.discriminators, strict=True)):
            found[f"discriminator{level}"] = Phase([discriminator], partial(self.discriminator_loss, level), optimizer)
            found[f"generator{level}"] = Phase([generator], partial(self.generator_loss, level), optimizer)
        return found

    def schedule(self, step: int) -> Schedule:
        """Each level's discriminator and generator in turn; a level's two updates have one batch."""
        return tuple((f"discriminator{level}", f"generator{level}") for level in range(len(self.sizes)))

    def _level(self, batch: Batch, level: int) -> tuple[Tensor, Tensor | None]:
        """What a level learns to generate, and the low-pass images that it is given (none at the coarsest)."""
        low, differences = pyramid(batch[self.config.domain], len(self.sizes) - 1)
        if level == 0:
            return low, None
        for difference in differences[: level - 1]:
            low = doubled(low) + difference
        return differences[level - 1], doubled(low)

    def discriminator_loss(self, level: int, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 1 at the coarsest level, equation 2 at the others, negated."""
        real, low = self._level(batch, level)
        with torch.no_grad():
            made = self._generated(level, self._noise(level, len(batch)), low)
        return discriminator_terms(self._judged(level, real, low), self._judged(level, made, low))

    def generator_loss(self, level: int, batch: Batch) -> Mapping[str, Tensor]:
        """The non-saturating loss. "deviation" is the size of generated differences relative to that of real ones."""
        real, low = self._level(batch, level)
        made = self._generated(level, self._noise(level, len(batch)), low)
        loss = {"adversarial": non_saturating(self._judged(level, made, low), real=True)}
        if level == 0:
            return {**loss, **diversity_term(made, real)}
        size, wanted = (each.detach().float().square().mean().sqrt() for each in (made, real))
        return {**loss, "deviation": size / wanted.clamp_min(1e-6)}

    def _judged(self, level: int, sample: Tensor, low: Tensor | None) -> Tensor:
        """Section 3.1: the low-pass image is added to the difference before the first layer."""
        logits: Tensor = self.discriminators[level](sample if low is None else sample + low)
        return logits

    def _generated(self, level: int, noise: Tensor, low: Tensor | None) -> Tensor:
        """The coarsest image of a latent vector, or the difference for a plane of noise and a low-pass image."""
        if low is None:
            return as_samples(self.generators[0](noise), self.coarsest)
        difference: Tensor = self.generators[level](torch.cat([noise, low], 1))
        return difference

    def _noise(self, level: int, count: int) -> Tensor:
        shape = (1, *self.sizes[level]) if level else (self.config.latent,)
        return torch.rand(count, *shape, device=next(self.generators.parameters()).device) * 2 - 1

    def draw_latent(self, count: int) -> Tensor:
        """Uniform in [-1, 1], [count, n]: the latent vector of the coarsest level, then a plane for each other one."""
        return torch.cat([self._noise(level, count).flatten(1) for level in range(len(self.sizes))], 1)

    def generate_from(self, latent: Tensor) -> Tensor:
        """Section 3.2: each level adds its difference to the doubled image of the level below."""
        counts = [self.config.latent, *(rows * columns for rows, columns in self.sizes[1:])]
        parts = latent.split(counts, 1)
        image = self._generated(0, parts[0], None)
        for level, noise in enumerate(parts[1:], 1):
            low = doubled(image)
            plane = noise.unflatten(1, (1, *self.sizes[level]))
            image = (low + self._generated(level, plane, low)).clamp(-1, 1)
        return image.float()

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --lr or raise --dropout"
        warnings = mode_collapse(means, "generator0/diversity", "generated coarse images", "real ones", fix)
        for level in range(len(self.sizes)):
            found = saturated_discriminator(means, f"discriminator{level}/accuracy", fix)
            warnings += [f"Level {level}: {each}" for each in found]
        return warnings


def halved(images: Tensor) -> Tensor:
    """Images [N, C, H, W] at half the size: the mean of 2 x 2 pixels."""
    return F.avg_pool2d(images, 2)


def doubled(images: Tensor) -> Tensor:
    """Images [N, C, H, W] at twice the size, bilinear."""
    return F.interpolate(images, scale_factor=2.0, mode="bilinear", align_corners=False)


def pyramid(images: Tensor, levels: int) -> tuple[Tensor, list[Tensor]]:
    """The coarsest image, and the differences [N, C, h, w] from the smallest to the largest (section 2.2).

    Doubling an image and adding the next difference, level by level, gives `images` again.
    """
    differences: list[Tensor] = []
    for _ in range(levels):
        smaller = halved(images)
        differences.insert(0, images - doubled(smaller))
        images = smaller
    return images, differences


def _coarsest_discriminator(size: int, config: LAPGANConfig) -> nn.Module:
    width = config.width
    parts: list[Any] = [nn.Flatten(), nn.Linear(size, width), nn.ReLU(), nn.Dropout(config.dropout)]
    return nn.Sequential(*parts, nn.Linear(width, width), nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(width, 1))


def _residual_generator(channels: int, maps: int) -> nn.Sequential:
    """A plane of noise and a low-pass image [N, 1 + C, H, W] to a difference [N, C, H, W] without limits."""
    wide = [nn.Conv2d(1 + channels, maps, 7, padding=3), nn.ReLU(), nn.Conv2d(maps, maps, 7, padding=3), nn.ReLU()]
    return nn.Sequential(*wide, nn.Conv2d(maps, channels, 5, padding=2))


def _level_discriminator(channels: int, rows: int, columns: int, config: LAPGANConfig) -> nn.Sequential:
    maps = config.maps
    layers = [nn.Conv2d(channels, maps, 5, padding=2), nn.ReLU(), nn.Conv2d(maps, maps, 5, 2, padding=2), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(maps * (rows // 2) * (columns // 2), 1)
    )


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [LAPGAN]
