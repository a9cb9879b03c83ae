"""Generative Adversarial Nets (Goodfellow et al. 2014): fully connected, on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import SGD

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.optimizers import adam
from ganzoo_generative.fully_connected import LATENT, latent_size
from ganzoo_generative.remedies import ALL_REMEDIES, RemediesConfig, judged, latents

ganzoo_contract = 2


class GANConfig(RemediesConfig):
    """Settings of GAN. The defaults fit points of the plane; the preset `paper` holds the paper's for MNIST."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    loss: Literal["non-saturating", "saturating"] = Field(
        "non-saturating",
        description="What the generator minimises: -log D(G(z)), or log(1 - D(G(z))), the minimax game itself.",
    )
    discriminator_steps: int = Field(1, ge=1, description="Updates of the discriminator for one of the generator (k).")
    latent: int = LATENT
    width: int = Field(128, ge=1, description="Units of each of the two hidden layers of the generator.")
    discriminator_width: int = Field(128, ge=1, description="Units of each of its two hidden layers.")
    pieces: int = Field(1, ge=1, description="Linear pieces of the discriminator's maxout units; 1: ReLU.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of the discriminator's hidden units.")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="Adam, or SGD with --beta1 as momentum.")
    lr: float = Field(1e-3, gt=0, description="Learning rate of both networks at the start.")
    final_lr: float = Field(1e-4, gt=0, description="Learning rate at the end, reached in geometric steps.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Decay of the mean gradient.")


# The authors' code for MNIST; 250 epochs of 500 batches. Its momentum rises from .5 to .7, here it stays at .6.
PAPER: dict[str, Any] = {
    "latent": 100, "width": 1200, "discriminator_width": 240, "pieces": 5, "dropout": 0.5, "optimizer": "sgd",
    "lr": 0.1, "final_lr": 0.06, "beta1": 0.6,
}  # fmt: skip


class GAN(Method):
    """Departures from the authors' code: the networks are updated in turn (theirs at once), no dropout of the input,
    default initialisation, and pixels in [-1, 1]."""

    name = "gan"
    summary = "Generates samples from noise with two fully connected networks trained by the minimax game."
    paper = "https://arxiv.org/abs/1406.2661"
    Config = GANConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"width": 64, "discriminator_width": 64}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 5_000, "batch_size": 128}},
        "saturating": {"method": {"loss": "saturating"}, "train": {"steps": 5_000, "batch_size": 128}},
        "remedies": {"method": ALL_REMEDIES, "train": {"steps": 5_000, "batch_size": 128}},
        "paper": {"method": PAPER, "train": {"steps": 125_000, "batch_size": 100}},
    }

    def __init__(self, config: GANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = spec.column(config.domain)
        self.latent = latent_size(config.latent, self.sample)
        size = prod(self.sample.shape)
        self.generator = perceptron(self.latent, config.width, 2, size)
        widths = (size * (config.packing or 1), config.discriminator_width, config.discriminator_width)
        hidden = (
            layer for sizes in pairwise(widths) for layer in (Maxout(*sizes, config.pieces), nn.Dropout(config.dropout))
        )
        self.discriminator = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(widths[-1], 1))

    @classmethod
    def columns(cls, config: GANConfig) -> tuple[str, ...]:
        return (config.domain,)

    @classmethod
    def batch_multiple(cls, config: GANConfig) -> int:
        return config.packing or 1

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        made = adam(config.lr, config.beta1)
        optimizer = made if config.optimizer == "adam" else partial(SGD, lr=config.lr, momentum=config.beta1)
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, optimizer, self.decay),
            "generator": Phase([self.generator], self.generator_loss, optimizer, self.decay),
        }

    def schedule(self, step: int) -> Schedule:
        """Algorithm 1: k updates of the discriminator, then one of the generator."""
        return ("discriminator",) * self.config.discriminator_steps + ("generator",)

    def decay(self, progress: float) -> float:
        ratio: float = self.config.final_lr / self.config.lr
        return ratio**progress

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 1, negated: -log D of real samples and -log(1 - D) of generated ones."""
        with torch.no_grad():
            made = self.generate(len(batch))
        return discriminator_terms(
            self.judge(batch[self.config.domain], batch.progress),
            self.judge(made, batch.progress),
            smoothing=self.config.label_smoothing or 0.0,
        )

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = self.generate(len(batch))
        scores = self.judge(made, batch.progress)
        saturating = self.config.loss == "saturating"
        loss = -non_saturating(scores, real=False) if saturating else non_saturating(scores, real=True)
        return {"adversarial": loss, **diversity_term(made, batch[self.config.domain])}

    def judge(self, samples: Tensor, progress: Tensor) -> Tensor:
        """The discriminator's logits of samples, as the remedies in the settings show them to it."""
        return self.discriminator(judged(samples, progress, self.config)).float()

    def draw_latent(self, count: int) -> Tensor:
        """Uniform with unit variance, each number in [-3^.5, 3^.5]; or on a sphere with --latents spherical."""
        return 3**0.5 * latents(count, self.latent, self.config, like=self.generator)

    def generate_from(self, latent: Tensor) -> Tensor:
        return as_samples(self.generator(latent), self.sample)

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --lr or use --loss non-saturating"
        width = "lower --lr or --discriminator-width"
        return [
            *mode_collapse(means, "generator/diversity", "generated samples", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", width, samples="samples"),
        ]


class Maxout(nn.Module):
    """The largest of several linear maps (Goodfellow et al. 2013); with one piece a ReLU unit."""

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, values: Tensor) -> Tensor:
        made = self.linear(values)
        return made.relu() if self.pieces == 1 else made.unflatten(1, (-1, self.pieces)).amax(-1)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [GAN]
