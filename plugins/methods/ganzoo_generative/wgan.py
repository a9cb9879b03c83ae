"""Wasserstein GAN (Arjovsky et al. 2017), fully connected: on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.optim import RMSprop

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import Generator, discriminator
from ganzoo_generative.fully_connected import AdversarialConfig, latent_size

ganzoo_contract = 2


class WGANConfig(AdversarialConfig):
    """Settings of WGAN. The defaults fit points of the plane; `paper` is the authors' fully connected network."""

    critic_steps: int = Field(5, ge=1, description="Updates of the critic for one of the generator.")
    first_critic_steps: int = Field(25, ge=1, description="The same in the first 25 steps and in every 500th.")
    clip: float = Field(0.01, gt=0, description="The critic's weights stay within this distance from zero.")
    lr: float = Field(5e-4, gt=0, description="Learning rate of both networks.")


class WGAN(Method):
    """The critic estimates the Wasserstein distance up to a factor: its Lipschitz constant, which clipping bounds.

    As published: RMSprop, because momentum makes training unstable with clipped weights (section 4), no sigmoid and
    no logarithm. The authors' program lets the critic lead in the first 25 steps and in every 500th.
    """

    name = "wgan"
    summary = "Generates samples against a critic with clipped weights, which estimates the Wasserstein distance."
    paper = "https://arxiv.org/abs/1701.07875"
    Config = WGANConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {
        "width": 64, "discriminator_width": 64, "layers": 2, "critic_steps": 2, "first_critic_steps": 2,
    }  # fmt: skip
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 128}},
        "paper": {
            "method": {"width": 512, "discriminator_width": 512, "layers": 3, "latent": 100, "lr": 5e-5,
                       "first_critic_steps": 100},
            "train": {"steps": 100_000, "batch_size": 64},
        },
    }  # fmt: skip

    def __init__(self, config: WGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        self.generator = Generator(
            sample, latent=latent_size(config.latent, sample), width=config.width, layers=config.layers
        )
        self.critic = discriminator(sample, width=config.discriminator_width, layers=config.layers)

    @classmethod
    def columns(cls, config: WGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = partial(RMSprop, lr=self.config.lr)
        return {
            "critic": Phase([self.critic], self.critic_loss, optimizer, after=self.clip),
            "generator": Phase([self.generator], self.generator_loss, optimizer),
        }

    def schedule(self, step: int) -> Schedule:
        """Algorithm 1, with the authors' head start of the critic."""
        leads = step < 25 or step % 500 == 0
        updates = self.config.first_critic_steps if leads else self.config.critic_steps
        return ("critic",) * updates + ("generator",)

    def clip(self) -> None:
        """Algorithm 1, line 7: w = clip(w, -c, c)."""
        for weight in self.critic.parameters():
            weight.clamp_(-self.config.clip, self.config.clip)

    def critic_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 2, negated: the critic's mean on generated samples minus that on real ones."""
        with torch.no_grad():
            made = self.generate(len(batch))
        loss = self.critic(made).float().mean() - self.critic(batch[self.config.domain]).float().mean()
        return {"wasserstein": loss, "gap": -loss.detach()}

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
    return [WGAN]
