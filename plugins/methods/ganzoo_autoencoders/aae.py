"""Adversarial Autoencoders (Makhzani et al. 2015)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator
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
from ganzoo.task import ClassTask

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
    drops: tuple[float, ...] = Field((), description="Shares of training at which the learning rates fall to a tenth.")
    labelled: bool = Field(
        False,
        description="The discriminator also gets the class of a sample, and each mode of the mixture belongs to a "
        "class. Needs --prior mixture and --domain source, whose labels are read.",
    )

    @field_validator("drops")
    @classmethod
    def _are_shares(cls, drops: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < each < 1 for each in drops):
            raise ValueError("give numbers between 0 and 1")
        return drops

    @model_validator(mode="after")
    def _has_labelled_modes(self) -> Self:
        if self.labelled and (self.prior, self.domain) != ("mixture", "source"):
            raise ValueError("labelled needs --prior mixture and --domain source, which alone has labels for training")
        return self


# Appendix A, from memory of its schedule: rates fall to a tenth at epoch 50 and to a hundredth at epoch 1,000, here of
# 2,000 epochs of 500 batches.
PAPER: dict[str, Any] = {
    "latent": 8, "prior_deviation": 5.0, "width": 1000, "adversarial": 1.0, "optimizer": "sgd", "lr": 0.01,
    "adversarial_lr": 0.1, "drops": (0.025, 0.5),
}  # fmt: skip


class AAE(Method):
    """Three phases on one batch (section 2): reconstruction, the discriminator of codes, and the encoder against it.

    With `labelled` the discriminator sees the class of a sample beside its code, and of a mode beside its prior
    samples, so that each mode holds one class (section 2.3); every sample is labelled.
    """

    name = "aae"
    summary = "An autoencoder whose codes are adversarially matched to a prior; it encodes, reconstructs and generates."
    paper = "https://arxiv.org/abs/1511.05644"
    Config = AAEConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"width": 64}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 64}},
        "paper": {"method": PAPER, "train": {"steps": 1_000_000, "batch_size": 100}},
    }

    def __init__(self, config: AAEConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = spec.column(config.domain)
        self.code_size = config.latent
        size = prod(self.sample.shape)
        self.encoder = nn.Sequential(nn.Flatten(), *perceptron(size, config.width, 2, config.latent))
        self.decoder = perceptron(config.latent, config.width, 2, size)
        self.discriminator = perceptron(config.latent + (MODES if config.labelled else 0), config.width, 2, 1)

    @classmethod
    def columns(cls, config: AAEConfig) -> tuple[str, ...]:
        return (config.domain, "source_label") if config.labelled else (config.domain,)

    @classmethod
    def declines(cls, config: AAEConfig, spec: DataSpec) -> str:
        fits = isinstance(spec.task, ClassTask) and spec.task.classes <= MODES
        return f"takes labels of at most {MODES} classes with --labelled" if config.labelled and not fits else ""

    def phases(self) -> Mapping[str, Phase]:
        def optimizer(lr: float, momentum: float) -> Any:
            return adam(lr) if self.config.optimizer == "adam" else partial(SGD, lr=lr, momentum=momentum)

        against, networks = optimizer(self.config.adversarial_lr, 0.1), [self.encoder, self.decoder]
        return {
            "reconstruction": Phase(networks, self.reconstruction_loss, optimizer(self.config.lr, 0.9), self.decay),
            "discriminator": Phase([self.discriminator], self.discriminator_loss, against, self.decay),
            "encoder": Phase([self.encoder], self.encoder_loss, against, self.decay),
        }

    def decay(self, progress: float) -> float:
        drops: int = sum(progress >= each for each in self.config.drops)
        return 0.1**drops

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
        classes = self.classes(batch)
        on_prior = self.judge(self.draw_codes(len(batch), classes), classes)
        on_codes = self.judge(codes, classes)
        right = torch.cat([on_prior > 0, on_codes < 0]).float().mean()
        return {
            "prior": non_saturating(on_prior, real=True),
            "codes": non_saturating(on_codes, real=False),
            "accuracy": right,
        }

    def encoder_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        codes = self.encode(batch[self.config.domain])
        return {
            "adversarial": self.config.adversarial * non_saturating(self.judge(codes, self.classes(batch)), real=True),
            "deviation": codes.detach().square().mean().sqrt(),
        }

    def judge(self, codes: Tensor, classes: Tensor | None) -> Tensor:
        """The discriminator's logits [N, 1] of codes [N, latent], and of their classes [N] if it is told them."""
        said = [] if classes is None else [(classes[:, None] == torch.arange(MODES, device=codes.device)).to(codes)]
        logits: Tensor = self.discriminator(torch.cat([codes, *said], 1))
        return logits

    def classes(self, batch: Batch) -> Tensor | None:
        """The class of each row [N], if the discriminator is told it."""
        return batch.source_label[:, 0].long() if self.config.labelled else None

    def draw_latent(self, count: int) -> Tensor:
        """Codes of the prior [count, latent]."""
        return self.draw_codes(count, None)

    def draw_codes(self, count: int, modes: Tensor | None) -> Tensor:
        """Codes of the prior [count, latent]; if it is the mixture, of these modes [count] or of random ones."""
        shape, device = (count, self.config.latent), next(self.decoder.parameters()).device
        deviation, task = self.config.prior_deviation, self.spec.task
        if self.config.prior == "uniform":
            return (torch.rand(shape, device=device) * 2 - 1) * deviation * 3**0.5
        codes = torch.randn(shape, device=device) * deviation
        if self.config.prior == "mixture":
            held = task.classes if self.config.labelled and isinstance(task, ClassTask) else MODES
            modes = torch.randint(held, (count,), device=device) if modes is None else modes
            angle = modes * (2 * math.pi / held)
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
