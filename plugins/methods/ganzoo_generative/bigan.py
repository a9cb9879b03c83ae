"""Adversarial Feature Learning (Donahue et al. 2017) and Adversarially Learned Inference (Dumoulin et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.gaussian import mean_and_log_variance, reparameterised
from ganzoo.nn.optimizers import adam
from ganzoo_generative.fully_connected import AdversarialConfig

ganzoo_contract = 2
UNRELATED = 0.95  # of the distance to another sample


class BiGANConfig(AdversarialConfig):
    """Settings of BiGAN. The defaults fit points and small images on a laptop; `paper` is the authors' for MNIST."""

    encoder: Literal["deterministic", "stochastic"] = Field(
        "deterministic",
        description="Codes: one for each sample (BiGAN), or drawn from a normal distribution whose mean and variance "
        "the encoder gives (ALI).",
    )
    latent: int = Field(16, ge=1, description="Dimension of the latent vector, which is also that of a code.")
    width: int = Field(256, ge=1, description="Units of each hidden layer of the generator and the encoder.")
    discriminator_width: int = Field(256, ge=1, description="Units of each hidden layer of the discriminator.")
    decay: Literal["constant", "exponential"] = Field(
        "constant", description="Learning rate: constant, or falling to a hundredth over the second half."
    )
    lr: float = Field(2e-4, gt=0, description="Learning rate of all networks.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Decay of the mean gradient.")


class BiGAN(Method):
    """The discriminator judges pairs: a sample with its code is real, a generated sample with its latent vector is not.

    Generator and encoder minimise the same loss with flipped labels in one update (section 3.4), at whose optimum each
    inverts the other. No reconstruction error is minimised.
    As in the authors' program, the hidden layers of generator and encoder have BatchNorm without weights of its own;
    without it the discriminator is soon certain, and neither learns.
    Departures: latent vectors are standard normal in both variants, as in ALI (BiGAN's are uniform); the discriminator
    has no BatchNorm; leaky units in all networks; no weight decay.
    """

    name = "bigan"
    summary = "Generates samples, and encodes them by an encoder that learns in the same game to invert the generator."
    paper = "https://arxiv.org/abs/1605.09782"
    Config = BiGANConfig
    kinds = ("image", "vector")
    couples_batch = True  # BatchNorm
    checked_at_most: ClassVar = {"width": 32, "discriminator_width": 32}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 6_000, "batch_size": 64}},
        "ali": {"method": {"encoder": "stochastic"}, "train": {"steps": 6_000, "batch_size": 64}},
        # The authors' program for MNIST: 400 epochs.
        "paper": {
            "method": {"latent": 50, "width": 1024, "discriminator_width": 1024, "decay": "exponential"},
            "train": {"steps": 187_500, "batch_size": 128},
        },
    }

    def __init__(self, config: BiGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.code_size = config.latent
        self.sample = sample = spec.column(config.domain)
        sizes, numbers = (config.width, config.layers), prod(sample.shape)
        outputs = config.latent * (2 if config.encoder == "stochastic" else 1)

        def hidden() -> nn.Module:
            return nn.Sequential(nn.BatchNorm1d(config.width, affine=False), nn.LeakyReLU(0.2))

        self.generator = perceptron(config.latent, *sizes, numbers, hidden)
        self.encoder = nn.Sequential(nn.Flatten(), *perceptron(numbers, *sizes, outputs, hidden))
        self.discriminator = PairDiscriminator(numbers, config.latent, config.discriminator_width, config.layers)

    @classmethod
    def columns(cls, config: BiGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, self.config.beta1)
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, optimizer, self.decay),
            "generator": Phase([self.generator, self.encoder], self.generator_loss, optimizer, self.decay),
        }

    def schedule(self, step: int) -> Schedule:
        return (("discriminator", "generator"),)

    def decay(self, progress: float) -> float:
        return 1.0 if self.config.decay == "constant" else 0.01 ** max(0.0, 2 * progress - 1)

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 3, negated."""
        samples = batch[self.config.domain]
        with torch.no_grad():
            latent = self.draw_latent(len(samples))
            codes, made = self.code(samples), self.generate_from(latent)
        return discriminator_terms(self.discriminator(samples, codes), self.discriminator(made, latent))

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Flipped labels: pairs of the encoder are called generated, pairs of the generator real."""
        samples = batch[self.config.domain]
        latent = self.draw_latent(len(samples))
        codes, made = self.code(samples), self.generate_from(latent)
        return {
            "encoder": non_saturating(self.discriminator(samples, codes), real=False),
            "generator": non_saturating(self.discriminator(made, latent), real=True),
            "distance": self.relative_distance(samples, codes.detach()),
            **diversity_term(made, samples),
        }

    @torch.no_grad()
    def relative_distance(self, samples: Tensor, codes: Tensor) -> Tensor:
        """How far reconstructions are from their originals, relative to other samples: 1 if they are unrelated."""
        made = self.generate_from(codes)
        own, other = ((made - each).flatten(1).norm(dim=1).mean() for each in (samples, samples.roll(1, 0)))
        return own / other.clamp_min(1e-6)

    def code(self, samples: Tensor) -> Tensor:
        """The code of each sample [N, latent], or a draw from its distribution."""
        made: Tensor = self.encoder(samples)
        stochastic = self.config.encoder == "stochastic"
        return reparameterised(*mean_and_log_variance(made)) if stochastic else made.float()

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.config.latent, device=next(self.generator.parameters()).device)

    def encode(self, images: Tensor) -> Tensor:
        """The code, or the mean of its distribution."""
        return self.encoder(images)[:, : self.code_size].float()

    def generate_from(self, latent: Tensor) -> Tensor:
        return as_samples(self.generator(latent), self.sample)

    def reconstruct(self, images: Tensor) -> Tensor:
        return self.generate_from(self.encode(images))

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --lr or --discriminator-width"
        warnings = [
            *mode_collapse(means, "generator/diversity", "generated samples", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", fix, samples="pairs"),
        ]
        distance = means.get("generator/distance", 0.0)
        if distance > UNRELATED:
            warnings.append(
                f"Reconstructions are {distance:.2f} times as far from their originals as from other samples; "
                "train longer."
            )
        return warnings


class PairDiscriminator(nn.Module):
    """Samples [N, ...] and codes [N, latent] to a logit each [N, 1]; codes enter every layer (the authors' program)."""

    def __init__(self, numbers: int, latent: int, width: int, layers: int) -> None:
        super().__init__()
        sizes = [numbers, *[width] * layers, 1]
        self.layers = nn.ModuleList(nn.Linear(inputs + latent, outputs) for inputs, outputs in pairwise(sizes))

    def forward(self, samples: Tensor, codes: Tensor) -> Tensor:
        values = samples.flatten(1)
        for at, layer in enumerate(self.layers):
            values = layer(torch.cat([F.leaky_relu(values, 0.2) if at else values, codes], 1))
        return values


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [BiGAN]
