"""Conditional GAN (Mirza and Osindero 2014), and CcGAN for continuous labels (Ding et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings
from ganzoo.task import ClassTask
from ganzoo_generative.conditional import (
    ConditionalDiscriminator,
    ConditionalGenerator,
    condition,
    condition_size,
    declines_labels,
)
from ganzoo_generative.vicinity import neighbour_gap, shares, vicinal_weights

ganzoo_contract = 2


class CGANConfig(Settings):
    """Settings of the conditional GAN. The defaults fit small eyes on a laptop."""

    domain: Literal["source", "target"] = Field(
        "source", description="The domain that is learned with its labels; with the target's it is an oracle."
    )
    labels: Literal["vicinal-soft", "vicinal-hard", "concatenate"] = Field(
        "vicinal-soft",
        description="How labels are learned: by CcGAN's vicinal loss with soft or hard weights and a projection "
        "discriminator, or concatenated to the inputs of both networks, each sample with its own label.",
    )
    neighbours: int = Field(2, ge=1, description="The vicinity reaches to about this nearest neighbour in a batch (k).")
    quantile: float = Field(0.5, ge=0, le=1, description="Quantile of the neighbours' distances that is its radius.")
    label_noise: float = Field(1.0, ge=0, description="Deviation of the target labels' noise, in radii (kappa).")
    latent: int = Field(64, ge=1, description="Dimension of the latent vector, standard normal.")
    width: int = Field(16, ge=1, description="Feature maps at half the image's size, doubled at each level.")
    levels: int = Field(3, ge=1, le=6, description="Times that images are doubled and halved in size.")
    units: int = Field(128, ge=1, description="Hidden units of embedded labels, and features of the discriminator.")
    lr: float = Field(2e-4, gt=0, description="Learning rate of both networks.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Decay of the mean gradient.")


class CGAN(Method):
    """The vicinal losses (Ding et al. 2021, equations 10 to 13) are computed within a batch.

    A target label is a label of the batch with noise. Its vicinity are the real samples of the batch whose labels are
    near it, and the generated samples for the same labels. A projection discriminator judges all pairs of the two at
    the price of one pass, so the means over a vicinity are exact; the authors draw one sample of it from all data.

    Departures: distances are Euclidean in scaled labels, so labels may have several dimensions (gaze has two); the
    radius kappa is a quantile of the distances to the k-th neighbour in the batch, and the noise is a multiple of it
    (theirs: the largest gap of all labels, and a rule of thumb for kernel density estimates in one dimension); labels
    are embedded by a layer that learns with the networks (theirs: by a regressor that is trained first). For classes
    the vicinity is the class itself. Without the vicinity it is Mirza and Osindero's, with convolutions for images.
    """

    name = "cgan"
    summary = "Generates samples for labels, classes or continuous ones, of the domain whose labels it learns."
    paper = "https://arxiv.org/abs/1411.1784"
    Config = CGANConfig
    reads = ("source", "source_label")
    kinds = ("image", "vector")
    couples_batch = True  # BatchNorm, and vicinities within the batch
    checked_at_most: ClassVar = {"width": 8, "units": 32, "levels": 2}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 64}},
        "vicinal-hard": {"method": {"labels": "vicinal-hard"}, "train": {"steps": 4_000, "batch_size": 64}},
        "concatenate": {"method": {"labels": "concatenate"}, "train": {"steps": 4_000, "batch_size": 64}},
        "oracle": {"method": {"domain": "target"}, "train": {"steps": 4_000, "batch_size": 64}},
    }

    def __init__(self, config: CGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample, size = spec.column(config.domain), condition_size(spec.task)
        self.generator = ConditionalGenerator(
            sample, size, latent=config.latent, width=config.width, levels=config.levels, units=config.units
        )
        self.discriminator = ConditionalDiscriminator(
            sample,
            size,
            width=config.width,
            levels=config.levels,
            units=config.units,
            projection=config.labels != "concatenate",
        )

    @classmethod
    def columns(cls, config: CGANConfig) -> tuple[str, ...]:
        return (config.domain, f"{config.domain}_label")

    @classmethod
    def is_oracle(cls, config: CGANConfig) -> bool:
        return config.domain == "target"

    @classmethod
    def declines(cls, config: CGANConfig, spec: DataSpec) -> str:
        return declines_labels(spec, config.domain)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, self.config.beta1)
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, optimizer),
            "generator": Phase([self.generator], self.generator_loss, optimizer),
        }

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Real samples, and their labels as the networks take them."""
        domain = self.config.domain
        return batch[domain], condition(self.spec.task, batch[f"{domain}_label"])

    def radius(self, labels: Tensor) -> Tensor:
        """kappa, 0-d: the radius of a vicinity; 0 for classes."""
        if isinstance(self.spec.task, ClassTask):
            return labels.new_zeros(())
        return neighbour_gap(labels, self.config.neighbours, self.config.quantile)

    def targets(self, labels: Tensor, kappa: Tensor) -> Tensor:
        """Target labels [N, K]: those of the batch, with noise, within its range."""
        if self.config.labels == "concatenate" or isinstance(self.spec.task, ClassTask):
            return labels
        noisy = labels + self.config.label_noise * kappa * torch.randn_like(labels)
        return torch.minimum(torch.maximum(noisy, labels.amin(0)), labels.amax(0))

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equations 10 and 11: means over the vicinities of target labels, of real and of generated samples."""
        real, labels = self.read(batch)
        with torch.no_grad():
            made = self.generator(self.draw_latent(len(labels)), labels)
        if self.config.labels == "concatenate":
            return discriminator_terms(self.discriminator(real, labels), self.discriminator(made, labels))
        kappa = self.radius(labels)
        targets = self.targets(labels, kappa)
        weights = shares(vicinal_weights(targets, labels, kappa, soft=self.config.labels == "vicinal-soft"))
        on_real, on_made = self.discriminator.pairs(real, targets), self.discriminator.pairs(made, targets)
        return {
            "real": (weights * F.softplus(-on_real)).sum(),
            "generated": (weights * F.softplus(on_made)).sum(),
            "accuracy": (weights * ((on_real > 0).float() + (on_made < 0).float())).sum() / 2,
            "kappa": kappa,
        }

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 13: generated samples for the target labels must be taken for real ones of these labels."""
        real, labels = self.read(batch)
        targets = self.targets(labels, self.radius(labels))
        made = self.generator(self.draw_latent(len(targets)), targets)
        adversarial = non_saturating(self.discriminator(made, targets), real=True)
        return {"adversarial": adversarial, **diversity_term(made, real)}

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.config.latent, device=next(self.generator.parameters()).device)

    def generate_labelled_from(self, latent: Tensor, labels: Tensor) -> Tensor:
        made: Tensor = self.generator(latent, condition(self.spec.task, labels))
        return made

    def generate_labelled(self, labels: Tensor) -> Tensor:
        return self.generate_labelled_from(self.draw_latent(len(labels)), labels)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return [
            *mode_collapse(means, "generator/diversity", "generated samples", "real ones", "lower --lr"),
            *saturated_discriminator(means, "discriminator/accuracy", "lower --lr or --width", samples="samples"),
        ]


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [CGAN]
