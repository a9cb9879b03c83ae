"""Unrolled Generative Adversarial Networks (Metz et al. 2017), fully connected: on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import Generator, discriminator
from ganzoo.nn.optimizers import adam
from ganzoo.nn.unroll import Parameters, call_with, unroll
from ganzoo_generative.fully_connected import AdversarialConfig, latent_size

ganzoo_contract = 2


class UnrolledGANConfig(AdversarialConfig):
    """Settings of the unrolled GAN. The defaults and `paper` fit points of the plane."""

    unrolled_steps: int = Field(5, ge=0, le=50, description="Discriminator steps that the generator foresees (K).")
    inner_lr: float = Field(0.1, gt=0, description="Learning rate of these steps, which are plain gradient steps.")
    lr: float = Field(1e-3, gt=0, description="Learning rate of the generator.")
    discriminator_lr: float = Field(1e-4, gt=0, description="Learning rate of the discriminator.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Decay of the mean gradient.")


class UnrolledGAN(Method):
    """The generator minimises its loss against the discriminator as it will be after K steps (equations 7 to 9).

    Its gradient passes through all K steps; the discriminator itself then takes one ordinary step. The inner steps are
    those of equation 8, plain gradient ascent; the authors' demonstration takes steps of Adam. With K = 0 it is GAN.
    """

    name = "unrolled-gan"
    summary = "Generates samples against a discriminator whose next steps the generator takes into account."
    paper = "https://arxiv.org/abs/1611.02163"
    Config = UnrolledGANConfig
    kinds = ("image", "vector")
    couples_batch = True  # the foreseen discriminator has learned from the whole batch
    checked_at_most: ClassVar = {"width": 64, "discriminator_width": 64, "unrolled_steps": 3}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 128}},
        "not-unrolled": {"method": {"unrolled_steps": 0}, "train": {"steps": 3_000, "batch_size": 128}},
        "paper": {
            "method": {"unrolled_steps": 10, "latent": 256, "lr": 1e-4},
            "train": {"steps": 25_000, "batch_size": 512},
        },
    }  # fmt: skip

    def __init__(self, config: UnrolledGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        self.generator = Generator(
            sample, latent=latent_size(config.latent, sample), width=config.width, layers=config.layers
        )
        self.discriminator = discriminator(sample, width=config.discriminator_width, layers=config.layers)

    @classmethod
    def columns(cls, config: UnrolledGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        return {
            "discriminator": Phase(
                [self.discriminator], self.discriminator_loss, adam(config.discriminator_lr, config.beta1)
            ),
            "generator": Phase([self.generator], self.generator_loss, adam(config.lr, config.beta1)),
        }

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        with torch.no_grad():
            made = self.generate(len(batch))
        return discriminator_terms(self.discriminator(batch[self.config.domain]), self.discriminator(made))

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 9: the non-saturating loss against the discriminator that equation 8 gives."""
        real, made = batch[self.config.domain], self.generate(len(batch))

        def inner_loss(parameters: Parameters) -> Tensor:
            on_real = call_with(self.discriminator, parameters, real)
            on_made = call_with(self.discriminator, parameters, made)  # not detached: the generator moves it too
            return non_saturating(on_real, real=True) + non_saturating(on_made, real=False)

        foreseen = unroll(self.discriminator, inner_loss, steps=self.config.unrolled_steps, lr=self.config.inner_lr)
        return {
            "adversarial": non_saturating(call_with(self.discriminator, foreseen, made), real=True),
            **diversity_term(made, real),
        }

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return self.generator.draw_latent(count)

    def generate_from(self, latent: Tensor) -> Tensor:
        made: Tensor = self.generator(latent)
        return made

    def generate(self, count: int) -> Tensor:
        return self.generator.generate(count)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix, slower = "raise --unrolled-steps or lower --lr", "lower --discriminator-lr"
        return [
            *mode_collapse(means, "generator/diversity", "generated samples", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", slower, samples="samples"),
        ]


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [UnrolledGAN]
