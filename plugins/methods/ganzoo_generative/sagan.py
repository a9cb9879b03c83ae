"""Spectral normalisation (Miyato et al. 2018) and self-attention (Zhang et al. 2019) in an unconditional GAN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import hinge
from ganzoo.nn.convolutional import Crop
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.optimizers import adam
from ganzoo.nn.spectral_norm import spectral_norm
from ganzoo.settings import Settings
from ganzoo_generative.attention import SelfAttention

ganzoo_contract = 2


class SAGANConfig(Settings):
    """Settings of SAGAN. The defaults are its losses and rates in networks for small images on a laptop."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose images are learned.")
    latent: int = Field(128, ge=1, description="Dimension of the latent vector, standard normal.")
    width: int = Field(8, ge=1, description="Feature maps at the image's size, doubled at each level.")
    levels: int = Field(2, ge=2, le=6, description="Times that the generator doubles and the discriminator halves.")
    attention: bool = Field(True, description="Self-attention at a quarter of the image's size, in both networks.")
    normalised_generator: bool = Field(True, description="Spectral normalisation of the generator too.")
    discriminator_steps: int = Field(1, ge=1, description="Updates of the discriminator for one of the generator.")
    generator_lr: float = Field(1e-4, gt=0, description="Learning rate of the generator.")
    discriminator_lr: float = Field(4e-4, gt=0, description="Learning rate of the discriminator.")
    beta1: float = Field(0.0, ge=0, lt=1, description="Adam's decay of the mean gradient.")
    beta2: float = Field(0.9, ge=0, lt=1, description="Adam's decay of the mean squared gradient.")


class SAGAN(Method):
    """As published by Zhang et al.: spectral normalisation in both networks, the hinge loss, four times the learning
    rate for the discriminator with one update of each network, and self-attention that starts as the identity.

    Departure: the networks are the plain convolutional ones of Miyato et al. (table 3), without labels; those of Zhang
    et al. are residual networks for 128 x 128 pixels, conditional on a class. The preset `sngan` is Miyato et al.'s
    method in the same networks.
    """

    name = "sagan"
    summary = "Generates images with spectrally normalised networks, the hinge loss and self-attention."
    paper = "https://arxiv.org/abs/1805.08318"
    Config = SAGANConfig
    checked_at_most: ClassVar = {"width": 8, "levels": 2, "discriminator_steps": 2}
    couples_batch = True  # BatchNorm, and spectral normalisation moves its vectors in each forward pass
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 32}},
        # Miyato et al. 2018, section 4 and table 3, for 32 x 32 pixels; setting C of table 1.
        "sngan": {
            "method": {"attention": False, "normalised_generator": False, "discriminator_steps": 5, "width": 64,
                       "levels": 3, "generator_lr": 2e-4, "discriminator_lr": 2e-4},
            "train": {"steps": 50_000, "batch_size": 64},
        },
    }  # fmt: skip

    def __init__(self, config: SAGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        generator, discriminator = _generator(sample, config), _discriminator(sample, config)
        self.generator = spectral_norm(generator) if config.normalised_generator else generator
        self.discriminator = spectral_norm(discriminator)

    @classmethod
    def columns(cls, config: SAGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        slow, fast = (adam(lr, config.beta1, config.beta2) for lr in (config.generator_lr, config.discriminator_lr))
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, fast),
            "generator": Phase([self.generator], self.generator_loss, slow),
        }

    def schedule(self, step: int) -> Schedule:
        return ("discriminator",) * self.config.discriminator_steps + ("generator",)

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Zhang et al., equation 4, first line."""
        with torch.no_grad():
            made = self.generate(len(batch))
        on_real, on_generated = self.discriminator(batch[self.config.domain]), self.discriminator(made)
        return {
            "real": hinge(on_real, real=True),
            "generated": hinge(on_generated, real=False),
            "accuracy": torch.cat([on_real > 0, on_generated < 0]).float().mean(),
        }

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Zhang et al., equation 4, second line: the negated mean of the scores, without a margin."""
        made = self.generate(len(batch))
        adversarial = -self.discriminator(made).float().mean()
        return {"adversarial": adversarial, **diversity_term(made, batch[self.config.domain])}

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.config.latent, device=next(self.generator.parameters()).device)

    def generate_from(self, latent: Tensor) -> Tensor:
        images: Tensor = self.generator(latent).float()
        return images

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --discriminator-lr"
        return [
            *mode_collapse(means, "generator/diversity", "generated images", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", fix),
        ]


def _generator(sample: Column, config: SAGANConfig) -> nn.Sequential:
    """Latents [N, latent] to images [N, C, H, W] in [-1, 1] (Miyato et al., table 3a); the excess is cropped."""
    channels, *size = sample.shape
    rows, columns = (-(-side // 2**config.levels) for side in size)
    widest = config.width * 2**config.levels
    layers: list[nn.Module] = [
        nn.Linear(config.latent, widest * rows * columns), nn.Unflatten(1, (widest, rows, columns)),
    ]  # fmt: skip
    for level in range(config.levels, 0, -1):
        if level == 2 and config.attention:
            layers.append(SelfAttention(config.width * 4))
        maps = config.width * 2 ** (level - 1)
        layers += [nn.ConvTranspose2d(2 * maps, maps, 4, 2, 1), nn.BatchNorm2d(maps), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(config.width, channels, 3, padding=1), nn.Tanh(), Crop(*size))


def _discriminator(sample: Column, config: SAGANConfig) -> nn.Sequential:
    """Images [N, C, H, W] to scores [N, 1] (Miyato et al., table 3b); a size that cannot be halved is padded."""
    channels, *size = sample.shape
    rows, columns = (-(-side // 2**config.levels) for side in size)
    padding = [whole * 2**config.levels - side for whole, side in zip((rows, columns), size, strict=True)]
    layers: list[nn.Module] = [
        nn.ZeroPad2d((0, padding[1], 0, padding[0])), nn.Conv2d(channels, config.width, 3, padding=1), nn.LeakyReLU(0.1)
    ]  # fmt: skip
    for level in range(1, config.levels + 1):
        maps = config.width * 2 ** (level - 1)
        layers += [nn.Conv2d(maps, maps, 4, 2, 1), nn.LeakyReLU(0.1)]
        layers += [nn.Conv2d(maps, 2 * maps, 3, padding=1), nn.LeakyReLU(0.1)]
        if level == 2 and config.attention:
            layers.append(SelfAttention(2 * maps))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2 * maps * rows * columns, 1))


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [SAGAN]
