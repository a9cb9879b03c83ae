"""Adversarial Autoencoders (Makhzani et al. 2015)."""

from __future__ import annotations

import math
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
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import non_saturating
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings

ganzoo_contract = 2
MODES = 10  # of the mixture
GAP = 4.0  # from the origin to the middle of each of its modes, in standard deviations of the prior


class AAEConfig(Settings):
    """Settings of AAE. The defaults fit eyes on a laptop; the preset `paper` holds the paper's for MNIST."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    latent: int = Field(8, ge=2, description="Dimension of a code.")
    prior: Literal["normal", "uniform", "mixture"] = Field(
        "normal",
        description="The prior distribution of codes: normal, uniform in a cube, or ten normal modes on a circle "
        "in the plane of the first two numbers.",
    )
    prior_deviation: float = Field(1.0, gt=0, description="Standard deviation of each number under the prior.")
    width: int = Field(512, ge=1, description="Units of each of the two hidden layers of every network.")
    adversarial: float = Field(0.1, ge=0, description="Weight of the adversarial loss of the encoder.")
    optimizer: Literal["adam", "sgd"] = Field("adam", description="Adam, or SGD with momentum .9 (adversarial: .1).")
    lr: float = Field(1e-3, gt=0, description="Learning rate of the reconstruction.")
    adversarial_lr: float = Field(5e-4, gt=0, description="Learning rate of the adversarial updates.")


# Appendix A, from memory of its schedule: rates fall to a tenth at epoch 50 and to a hundredth at 1,000.
PAPER: dict[str, Any] = {
    "latent": 8, "prior_deviation": 5.0, "width": 1000, "adversarial": 1.0, "optimizer": "sgd", "lr": 0.01,
    "adversarial_lr": 0.1,
}  # fmt: skip


class AAE(Method):
    """Three phases on one batch (section 2): reconstruction, the discriminator of codes, and the encoder against it."""

    name = "aae"
    summary = "An autoencoder whose codes are adversarially matched to a prior; it encodes, reconstructs and generates."
    paper = "https://arxiv.org/abs/1511.05644"
    Config = AAEConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"width": 64}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 64}},
        "paper": {"method": PAPER, "train": {"steps": 500_000, "batch_size": 100}},
    }

    def __init__(self, config: AAEConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = spec.column(config.domain)
        self.code_size = config.latent
        size = prod(self.sample.shape)
        self.encoder = nn.Sequential(nn.Flatten(), *perceptron(size, config.width, 2, config.latent))
        self.decoder = perceptron(config.latent, config.width, 2, size)
        self.discriminator = perceptron(config.latent, config.width, 2, 1)

    @classmethod
    def columns(cls, config: AAEConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        def optimizer(lr: float, momentum: float) -> Any:
            return adam(lr) if self.config.optimizer == "adam" else partial(SGD, lr=lr, momentum=momentum)

        against = optimizer(self.config.adversarial_lr, 0.1)
        return {
            "reconstruction": Phase(
                [self.encoder, self.decoder], self.reconstruction_loss, optimizer(self.config.lr, 0.9)
            ),
            "discriminator": Phase([self.discriminator], self.discriminator_loss, against),
            "encoder": Phase([self.encoder], self.encoder_loss, against),
        }

    def schedule(self, step: int) -> Schedule:
        """Section 2: "on each mini-batch", first the reconstruction phase, then the regularization phase."""
        return (("reconstruction", "discriminator", "encoder"),)

    def reconstruction_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        samples = batch[self.config.domain]
        made = self.reconstruct(samples)
        return {"error": F.mse_loss(made, samples), **diversity_term(made, samples)}

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Samples of the prior are real, and codes are generated."""
        with torch.no_grad():
            codes = self.encode(batch[self.config.domain])
        on_prior, on_codes = self.discriminator(self.draw_latent(len(batch))), self.discriminator(codes)
        right = torch.cat([on_prior > 0, on_codes < 0]).float().mean()
        return {
            "prior": non_saturating(on_prior, real=True),
            "codes": non_saturating(on_codes, real=False),
            "accuracy": right,
        }

    def encoder_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        codes = self.encode(batch[self.config.domain])
        return {
            "adversarial": self.config.adversarial * non_saturating(self.discriminator(codes), real=True),
            "deviation": codes.detach().square().mean().sqrt(),
        }

    def draw_latent(self, count: int) -> Tensor:
        """Codes of the prior [count, latent]."""
        shape, device = (count, self.config.latent), next(self.decoder.parameters()).device
        deviation = self.config.prior_deviation
        if self.config.prior == "uniform":
            return (torch.rand(shape, device=device) * 2 - 1) * deviation * 3**0.5
        codes = torch.randn(shape, device=device) * deviation
        if self.config.prior == "mixture":
            angle = torch.randint(MODES, (count,), device=device) * (2 * math.pi / MODES)
            middle = torch.stack([angle.cos(), angle.sin()], 1) * GAP * deviation
            codes = torch.cat([codes[:, :2] + middle, codes[:, 2:]], 1)
        return codes

    def encode(self, images: Tensor) -> Tensor:
        return self.encoder(images).float()

    def generate_from(self, latent: Tensor) -> Tensor:
        return as_samples(self.decoder(latent), self.sample)

    def reconstruct(self, images: Tensor) -> Tensor:
        return self.generate_from(self.encode(images))

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --adversarial or raise --latent"
        warnings = mode_collapse(means, "reconstruction/diversity", "reconstructions", "their originals", fix)
        deviation = means.get("encoder/deviation")
        if deviation is not None and deviation > 4 * max(self.config.prior_deviation, 1.0) * GAP:
            warnings.append(
                f"Codes are far from the prior: their root mean square is {deviation:.1f}; raise --adversarial."
            )
        return warnings


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [AAE]
