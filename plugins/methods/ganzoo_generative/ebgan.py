"""Energy-based Generative Adversarial Network (Zhao et al. 2017), fully connected: on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.full_precision import without_autocast
from ganzoo.nn.fully_connected import Generator, as_samples, perceptron
from ganzoo.nn.optimizers import adam
from ganzoo_generative.fully_connected import AdversarialConfig, latent_size

ganzoo_contract = 2


class EBGANConfig(AdversarialConfig):
    """Settings of EBGAN. The defaults fit small images on a laptop."""

    width: int = Field(256, ge=1, description="Units of each hidden layer of the generator.")
    discriminator_width: int = Field(256, ge=1, description="Units of the hidden layers of the autoencoder.")
    code: int = Field(32, ge=1, description="Dimension of the autoencoder's code.")
    margin: float = Field(
        0.2,
        gt=0,
        description="Energy up to which generated samples are pushed. Energies are mean squared errors of a number of "
        "a sample, images being in [-1, 1]; choose more than the energy of real samples.",
    )
    pulling_away: float = Field(0.1, ge=0, description="Weight of the pulling-away term; 0: without it.")
    lr: float = Field(5e-4, gt=0, description="Learning rate of both networks.")


class EBGAN(Method):
    """The discriminator is an autoencoder whose reconstruction error is the energy of a sample (equations 1 and 2).

    Real samples get low energies, generated ones energies up to the margin. The pulling-away term keeps the codes of
    generated samples apart (equation 4).
    Departures: the energy is the mean squared error of a number instead of the Euclidean norm of the whole difference,
    so that one margin fits samples of any size.
    """

    name = "ebgan"
    summary = "Generates samples against an autoencoder that reconstructs real ones well and generated ones badly."
    paper = "https://arxiv.org/abs/1609.03126"
    Config = EBGANConfig
    kinds = ("image", "vector")
    couples_batch = True  # the pulling-away term compares the samples of a batch
    checked_at_most: ClassVar = {"width": 64, "discriminator_width": 64}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 5_000, "batch_size": 64}},
        "not-pulled": {"method": {"pulling_away": 0.0}, "train": {"steps": 5_000, "batch_size": 64}},
        "points": {
            "method": {"width": 128, "discriminator_width": 128, "code": 4, "margin": 0.5},
            "train": {"steps": 5_000, "batch_size": 128},
        },
    }

    def __init__(self, config: EBGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = spec.column(config.domain)
        numbers, width = prod(self.sample.shape), config.discriminator_width
        self.generator = Generator(
            self.sample, latent=latent_size(config.latent, self.sample), width=config.width, layers=config.layers
        )
        self.encoder = nn.Sequential(nn.Flatten(), *perceptron(numbers, width, config.layers, config.code))
        self.decoder = perceptron(config.code, width, config.layers, numbers)

    @classmethod
    def columns(cls, config: EBGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr)
        return {
            "discriminator": Phase([self.encoder, self.decoder], self.discriminator_loss, optimizer),
            "generator": Phase([self.generator], self.generator_loss, optimizer),
        }

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 1: D(x) + max(0, m - D(G(z)))."""
        with torch.no_grad():
            made = self.generate(len(batch))
        energy = self.energy(made)[0]
        return {
            "real": self.energy(batch[self.config.domain])[0].mean(),
            "generated": F.relu(self.config.margin - energy).mean(),
            "generated_energy": energy.detach().mean(),
        }

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 2, with equation 4: D(G(z)) + .1 PT."""
        made = self.generate(len(batch))
        energy, codes = self.energy(made)
        return {
            "energy": energy.mean(),
            "pulling_away": self.config.pulling_away * pulling_away(codes),
            **diversity_term(made, batch[self.config.domain]),
        }

    def energy(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The mean squared error of a number of each reconstructed sample [N], and the codes [N, code]."""
        codes = self.encoder(samples)
        made = as_samples(self.decoder(codes), self.sample)
        return (made - samples).flatten(1).square().mean(1), codes

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return self.generator.draw_latent(count)

    def generate_from(self, latent: Tensor) -> Tensor:
        made: Tensor = self.generator(latent)
        return made

    def generate(self, count: int) -> Tensor:
        return self.generator.generate(count)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "raise --pulling-away or lower --lr"
        warnings = mode_collapse(means, "generator/diversity", "generated samples", "real ones", fix)
        real = means.get("discriminator/real", 0.0)
        if real > self.config.margin:
            warnings.append(
                f"Real samples have an energy of {real:.3g}, more than the margin of {self.config.margin:g}, so that "
                "generated samples are not pushed away from them; raise --margin or --discriminator-width."
            )
        return warnings


def pulling_away(codes: Tensor) -> Tensor:
    """The mean squared cosine of all pairs of different codes [N, D] (equation 4): 0-d, 0 for a single code."""
    with without_autocast(codes.device):  # there, a product of float32 is one of bfloat16
        directions = F.normalize(codes.float(), dim=1)
        squares = (directions @ directions.T).square()
    pairs = max(1, len(codes) * (len(codes) - 1))
    return (squares.sum() - squares.diagonal().sum()) / pairs


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [EBGAN]
