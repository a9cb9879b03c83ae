"""Unsupervised Representation Learning with Deep Convolutional GANs (Radford et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.adversarial import non_saturating
from ganzoo.nn.convolutional import convolutional_discriminator, convolutional_generator
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.init import normal_init
from ganzoo.nn.optimizers import adam
from ganzoo_generative.remedies import ALL_REMEDIES, RemediesConfig, judged, latents

ganzoo_contract = 2


class DCGANConfig(RemediesConfig):
    """Settings of DCGAN. The defaults fit a laptop; the preset `paper` holds the paper's."""

    domain: Literal["target", "source"] | None = Field(
        None, description="The domain whose images are learned; not given: the target."
    )
    latent: int = Field(100, ge=1, description="Dimension of the latent vector, uniform in [-1, 1].")
    width: int = Field(
        32, ge=1, description="Feature maps at half the image's size, doubled at each level; the paper's is 128."
    )
    levels: int = Field(
        3, ge=1, description="Times that the generator doubles and the discriminator halves an image; the paper's is 4."
    )
    lr: float = Field(2e-4, gt=0, description="Learning rate of both networks.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's decay of the mean gradient.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay of the mean squared gradient.")


class DCGAN(Method):
    name = "dcgan"
    reads = ("target",)
    summary = "Generates images of the target from noise with strided convolutions and BatchNorm; they have no labels."
    paper = "https://arxiv.org/abs/1511.06434"
    Config = DCGANConfig
    checked_at_most: ClassVar = {"width": 8}
    couples_batch = True  # BatchNorm
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 32}},
        "remedies": {"method": ALL_REMEDIES, "train": {"steps": 4_000, "batch_size": 32}},
        # Section 4 and figure 1, for 64 x 64 pixels; the steps are five epochs of its 3 million bedrooms (figure 3).
        "paper": {"method": {"width": 128, "levels": 4}, "train": {"steps": 118_000, "batch_size": 128}},
    }

    def __init__(self, config: DCGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(domain_of(config))
        self.generator = convolutional_generator(sample, latent=config.latent, width=config.width, levels=config.levels)
        channels, *size = sample.shape
        self.discriminator = convolutional_discriminator(
            Column((channels * (config.packing or 1), *size)), width=config.width, levels=config.levels
        )
        normal_init(self)

    @classmethod
    def columns(cls, config: DCGANConfig) -> tuple[str, ...]:
        return (domain_of(config),)

    @classmethod
    def batch_multiple(cls, config: DCGANConfig) -> int:
        return config.packing or 1

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, self.config.beta1, self.config.beta2)
        return {
            "generator": Phase([self.generator], self.generator_loss, optimizer),
            "discriminator": Phase([self.discriminator], self.discriminator_loss, optimizer),
        }

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = self.generate(len(batch))
        adversarial = non_saturating(self.judge(made, batch.progress), real=True)
        return {"adversarial": adversarial, **diversity_term(made, batch[domain_of(self.config)])}

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Real and generated images go through BatchNorm separately, each with their own statistics."""
        with torch.no_grad():
            made = self.generate(len(batch))
        real_scores, made_scores = (
            self.judge(batch[domain_of(self.config)], batch.progress),
            self.judge(made, batch.progress),
        )
        right = torch.cat([real_scores > 0, made_scores < 0])
        return {
            "real": non_saturating(real_scores, real=True, smoothing=self.config.label_smoothing or 0.0),
            "made": non_saturating(made_scores, real=False),
            "accuracy": right.float().mean(),
        }

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def draw_latent(self, count: int) -> Tensor:
        """Latents [count, latent], independent and uniform in [-1, 1]; or on a sphere with --latents spherical."""
        return latents(count, self.config.latent, self.config, like=self.generator)

    def judge(self, images: Tensor, progress: Tensor) -> Tensor:
        """The discriminator's logits of images, as the remedies in the settings show them to it."""
        logits: Tensor = self.discriminator(judged(images, progress, self.config))
        return logits

    def generate_from(self, latent: Tensor) -> Tensor:
        images: Tensor = self.generator(latent)
        return images

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return [
            *mode_collapse(
                means, "generator/diversity", "generated images", "real ones", "lower --lr, or raise --batch-size"
            ),
            *saturated_discriminator(means, "discriminator/accuracy", "lower --lr"),
        ]


def domain_of(config: DCGANConfig) -> str:
    return config.domain or "target"


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [DCGAN]
