"""Improved Training of Wasserstein GANs (Gulrajani et al. 2017), fully connected: on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import Generator, discriminator
from ganzoo.nn.optimizers import adam
from ganzoo.nn.penalties import gradient_penalty
from ganzoo_generative.fully_connected import AdversarialConfig, latent_size

ganzoo_contract = 2


class WGANGPConfig(AdversarialConfig):
    """Settings of WGAN-GP. The defaults fit points of the plane; `toy` is the authors' network for them."""

    critic_steps: int = Field(5, ge=1, description="Updates of the critic for one of the generator.")
    penalty: float = Field(0.1, ge=0, description="Weight of the gradient penalty (lambda); images: 10.")
    lr: float = Field(1e-3, gt=0, description="Learning rate of both networks.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Decay of the mean gradient.")
    beta2: float = Field(0.9, ge=0, lt=1, description="Decay of the mean squared gradient.")


class WGANGP(Method):
    """The critic's gradient is pulled towards length 1 between real and generated samples (equation 3).

    The paper's betas are 0 and .9; the authors' programs for points and for MNIST have .5 and .9, as here. A critic has
    no BatchNorm, because the penalty is one of single samples (section 4).
    """

    name = "wgan-gp"
    summary = "Generates samples against a critic whose gradient is penalised where it is not of length 1."
    paper = "https://arxiv.org/abs/1704.00028"
    Config = WGANGPConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"width": 64, "discriminator_width": 64, "layers": 2, "critic_steps": 2}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 128}},
        "toy": {
            "method": {"width": 512, "discriminator_width": 512, "layers": 3, "latent": 2, "lr": 1e-4},
            "train": {"steps": 100_000, "batch_size": 256},
        },
        "images": {
            "method": {"width": 512, "discriminator_width": 512, "layers": 3, "penalty": 10.0, "lr": 1e-4},
            "train": {"steps": 20_000, "batch_size": 64},
        },
    }  # fmt: skip

    def __init__(self, config: WGANGPConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        self.generator = Generator(
            sample, latent=latent_size(config.latent, sample), width=config.width, layers=config.layers
        )
        self.critic = discriminator(sample, width=config.discriminator_width, layers=config.layers)

    @classmethod
    def columns(cls, config: WGANGPConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, self.config.beta1, self.config.beta2)
        return {
            "critic": Phase([self.critic], self.critic_loss, optimizer),
            "generator": Phase([self.generator], self.generator_loss, optimizer),
        }

    def schedule(self, step: int) -> Schedule:
        return ("critic",) * self.config.critic_steps + ("generator",)

    def critic_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 3."""
        real = batch[self.config.domain]
        with torch.no_grad():
            made = self.generate(len(batch))
        loss = self.critic(made).float().mean() - self.critic(real).float().mean()
        penalty = gradient_penalty(self.critic, real, made)
        return {"wasserstein": loss, "penalty": self.config.penalty * penalty, "gap": -loss.detach()}

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = self.generate(len(batch))
        return {"adversarial": -self.critic(made).float().mean(), **diversity_term(made, batch[self.config.domain])}

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return self.generator.draw_latent(count)

    def generate_from(self, latent: Tensor) -> Tensor:
        made: Tensor = self.generator(latent)
        return made

    def generate(self, count: int) -> Tensor:
        return self.generator.generate(count)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return mode_collapse(
            means, "generator/diversity", "generated samples", "real ones", "raise --critic-steps or lower --lr"
        )


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [WGANGP]
