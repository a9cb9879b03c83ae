"""Generative Moment Matching Networks (Li et al. 2015), on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, ClassVar

from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets, Stage
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import Generator, as_samples, perceptron
from ganzoo.nn.mmd import squared_mmd
from ganzoo.nn.optimizers import adam, linear_decay
from ganzoo_generative.fully_connected import GeneratorConfig, latent_size

ganzoo_contract = 2
LEAST = 1e-10  # keeps the gradient of the square root finite where both sets are alike


class GMMNConfig(GeneratorConfig):
    """Settings of GMMN. The defaults fit points of the plane."""

    variances: tuple[float, ...] = Field(
        (0.01, 0.1, 1.0, 10.0),
        description="Variances of the Gaussian kernels, in squares of what a sample's numbers are measured in.",
    )
    codes: int = Field(
        0, ge=0, description="Dimension of the codes of an autoencoder, which is trained first; the generator then "
        "learns codes instead of samples. 0: there is none.",
    )  # fmt: skip
    lr: float = Field(1e-3, gt=0, description="Learning rate.")

    @field_validator("variances")
    @classmethod
    def _are_positive(cls, variances: tuple[float, ...]) -> tuple[float, ...]:
        if not variances or not all(0 < each < float("inf") for each in variances):
            raise ValueError("give one or more positive numbers")
        return variances


# The authors' program for MNIST: pixels in [0, 1] and 784 of them. Pixels in [-1, 1] have four times the variance.
PAPER: dict[str, Any] = {
    "latent": 10, "width": 256, "layers": 3, "variances": tuple(4.0 * s for s in (2, 5, 10, 20, 40, 80)),
}  # fmt: skip
# Their network for codes of MNIST has one kernel of variance 1. A sigmoid keeps codes in [0, 1].
PAPER_CODES: dict[str, Any] = {**PAPER, "codes": 32, "variances": (1.0,)}


class GMMN(Method):
    """There is no adversary: the generator minimises the maximum mean discrepancy to a batch of real samples.

    With `codes` it learns the codes of an autoencoder (section 4, GMMN+AE), which the first half of the steps trains.

    Departures from the authors' program: Adam instead of SGD with momentum and a learning rate of 2; hidden layers of
    one width (theirs are 64, 256, 256, 1024); standard normal latents (theirs are uniform); the autoencoder is trained
    as a whole, on the squared error and without dropout (theirs layer by layer, on the cross-entropy).
    """

    name = "gmmn"
    summary = "Generates samples whose moments match the real ones': maximum mean discrepancy, and no adversary."
    paper = "https://arxiv.org/abs/1502.02761"
    Config = GMMNConfig
    kinds = ("image", "vector")
    couples_batch = True
    checked_at_most: ClassVar = {"width": 64}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 512}},
        "paper": {"method": PAPER, "train": {"steps": 40_000, "batch_size": 1000}},
        "paper-codes": {"method": PAPER_CODES, "train": {"steps": 40_000, "batch_size": 1000}},
    }

    def __init__(self, config: GMMNConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        learned = Column((config.codes,), "vector") if config.codes else sample
        self.sample = sample
        self.generator = Generator(
            learned, latent=latent_size(config.latent, learned), width=config.width, layers=config.layers
        )
        if config.codes:
            size = prod(sample.shape)
            self.encoder = nn.Sequential(
                nn.Flatten(), *perceptron(size, config.width, config.layers, config.codes), nn.Sigmoid()
            )
            self.decoder = perceptron(config.codes, config.width, config.layers, size)

    @classmethod
    def columns(cls, config: GMMNConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, 0.9)
        generator = Phase([self.generator], self.loss, optimizer, linear_decay)
        if not self.config.codes:
            return {"generator": generator}
        autoencoder = Phase([self.encoder, self.decoder], self.reconstruction_loss, optimizer, linear_decay)
        return {"autoencoder": autoencoder, "generator": generator}

    def stages(self) -> Sequence[Stage]:
        """With codes, the autoencoder is trained first, and then frozen."""
        if not self.config.codes:
            return super().stages()
        return (
            Stage("autoencoder", 1.0, lambda step: ("autoencoder",)),
            Stage("generator", 1.0, lambda step: ("generator",), resting=[self.encoder, self.decoder]),
        )

    def reconstruction_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        samples = batch[self.config.domain]
        return {"error": F.mse_loss(as_samples(self.decoder(self.encoder(samples)), self.sample), samples)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 4 under its square root (section 3.1: the root keeps the gradient large near the optimum)."""
        real, made = self.learned(batch[self.config.domain]), self.squashed(self.generator.generate(len(batch)))
        squared = squared_mmd(made, real, self.config.variances)
        return {"mmd": squared.clamp_min(LEAST).sqrt(), **diversity_term(made, real)}

    def learned(self, samples: Tensor) -> Tensor:
        """What the generator learns: samples, or their codes."""
        return self.encoder(samples).float() if self.config.codes else samples

    def squashed(self, made: Tensor) -> Tensor:
        """What the generator's outputs mean: codes lie in [0, 1]."""
        return made.sigmoid() if self.config.codes else made

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return self.generator.draw_latent(count)

    def generate_from(self, latent: Tensor) -> Tensor:
        made = self.squashed(self.generator(latent))
        return as_samples(self.decoder(made), self.sample) if self.config.codes else made

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return mode_collapse(
            means,
            "generator/diversity",
            "generated samples",
            "real ones",
            "lower --variances or raise --latent",
        )


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [GMMN]
