"""InfoGAN: interpretable representations by information-maximising GANs (Chen et al. 2016), on images or points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.convolutional import LAYER_NORM, convolutional_discriminator, convolutional_generator
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import perceptron
from ganzoo.nn.gaussian import negative_log_likelihood
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings

ganzoo_contract = 2
DEVIATION = 1.0  # of Q for continuous codes: a learned one would let the likelihood grow without bound
UNUSED = 0.1  # of the largest possible information


class InfoGANConfig(Settings):
    """Settings of InfoGAN. The defaults fit small images and points on a laptop; `paper` is the authors' for MNIST."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    latent: int = Field(62, ge=1, description="Noise besides the codes: numbers, uniform in [-1, 1].")
    categories: int = Field(10, ge=0, description="Values of the categorical code; 0: there is none.")
    continuous: int = Field(2, ge=0, description="Continuous codes, uniform in [-1, 1].")
    information: float = Field(1.0, ge=0, description="Weight of the information about the category (lambda).")
    continuous_information: float = Field(1.0, ge=0, description="Weight of that about the continuous codes.")
    maps: int = Field(16, ge=1, description="Feature maps at half the image's size, doubled at each level.")
    levels: int = Field(2, ge=1, description="Times that the networks halve or double an image.")
    width: int = Field(128, ge=1, description="Units of fully connected layers.")
    lr: float = Field(1e-3, gt=0, description="Learning rate of the generator.")
    discriminator_lr: float = Field(2e-4, gt=0, description="Learning rate of the discriminator and of Q.")

    @model_validator(mode="after")
    def has_codes(self) -> Self:
        if self.categories == 1:
            raise ValueError("a categorical code needs 2 categories or more; give --categories 0 for none")
        if not self.categories and not self.continuous:
            raise ValueError("there are no codes; give --categories 2 or more, or --continuous 1 or more")
        return self


class InfoGAN(Method):
    """Q recovers the codes of generated samples, which bounds the information that samples hold about codes (eq. 5).

    As in the authors' program, the information is maximised in both updates: by the generator, and by the trunk that
    Q shares with the discriminator, with the discriminator's optimizer. Q's normal distribution for continuous codes
    has the fixed standard deviation 1.

    A code is one row of numbers: first the category, from 0 to categories - 1 and rounded to the nearest whole number,
    if there is a categorical code; then each continuous code, from -1 to 1.
    Departures: layer normalisation instead of BatchNorm, so that a sample does not depend on its batch, and smaller
    networks; generated images are in [-1, 1] (tanh).
    """

    name = "infogan"
    summary = "Generates samples from noise and from codes that it learns to give a meaning, without any labels."
    paper = "https://arxiv.org/abs/1606.03657"
    Config = InfoGANConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"maps": 4, "width": 32}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 64}},
        # Appendix C.1 and the authors' program: 50 epochs of 100 updates.
        "paper": {"method": {"maps": 64, "width": 1024}, "train": {"steps": 5_000, "batch_size": 128}},
        "points": {
            "method": {"categories": 8, "continuous": 1, "latent": 16, "discriminator_lr": 1e-3},
            "train": {"steps": 5_000, "batch_size": 128},
        },
    }
    code_low: Tensor
    code_high: Tensor

    def __init__(self, config: InfoGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = sample = spec.column(config.domain)
        codes, width = config.categories + config.continuous, config.width
        if sample.kind == "image":
            sizes = {"width": config.maps, "levels": config.levels}
            self.generator = convolutional_generator(sample, latent=config.latent + codes, **sizes, norm=LAYER_NORM)
            trunk = convolutional_discriminator(sample, **sizes, outputs=width, norm=LAYER_NORM)
        else:
            size = prod(sample.shape)
            self.generator = nn.Sequential(
                *perceptron(config.latent + codes, width, 2, size), nn.Unflatten(1, sample.shape)
            )
            trunk = nn.Sequential(nn.Flatten(), *perceptron(size, width, 1, width))
        self.trunk = nn.Sequential(trunk, nn.LeakyReLU(0.1))
        self.head = nn.Linear(width, 1)
        self.recognition = perceptron(width, width, 1, codes, lambda: nn.LeakyReLU(0.1))  # Q
        category = [config.categories - 1.0] if config.categories else []
        self.register_buffer("code_low", torch.tensor([0.0 for _ in category] + [-1.0] * config.continuous))
        self.register_buffer("code_high", torch.tensor(category + [1.0] * config.continuous))

    @classmethod
    def columns(cls, config: InfoGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        judges = [self.trunk, self.head, self.recognition]
        return {
            "discriminator": Phase(judges, self.discriminator_loss, adam(self.config.discriminator_lr)),
            "generator": Phase([self.generator], self.generator_loss, adam(self.config.lr)),
        }

    def schedule(self, step: int) -> Schedule:
        return (("discriminator", "generator"),)

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        latent = self.draw_latent(len(batch))
        with torch.no_grad():
            made = self.generate_from(latent)
        features = self.trunk(made)
        on_real = self.head(self.trunk(batch[self.config.domain]))
        return {**discriminator_terms(on_real, self.head(features)), **self.information_terms(features, latent)}

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        latent = self.draw_latent(len(batch))
        made = self.generate_from(latent)
        features = self.trunk(made)
        return {
            "adversarial": non_saturating(self.head(features), real=True),
            **self.information_terms(features, latent),
            **diversity_term(made, batch[self.config.domain]),
        }

    def information_terms(self, features: Tensor, latent: Tensor) -> dict[str, Tensor]:
        """-log Q of the codes in `latent`, weighted.

        "information" is the bound for the category in nats, of at most ln K: it is only logged.
        """
        config, terms = self.config, dict[str, Tensor]()
        answer, codes = self.recognition(features).float(), latent[:, : config.categories + config.continuous]
        if config.categories:
            logs = F.log_softmax(answer[:, : config.categories], 1)
            error = -(logs * codes[:, : config.categories]).sum(1).mean()
            terms = {
                "category": config.information * error,
                "information": math.log(config.categories) - error.detach(),
            }
        if config.continuous:
            means, given = answer[:, config.categories :], codes[:, config.categories :]
            error = negative_log_likelihood(given, means, DEVIATION).mean()
            terms["continuous"] = config.continuous_information * error
        return terms

    def draw_latent(self, count: int) -> Tensor:
        """A random category as one number of 1 and else 0, and codes and noise uniform in [-1, 1]."""
        device, parts = self.code_low.device, []
        if self.config.categories:
            parts = [self.one_of_categories(torch.randint(self.config.categories, (count,), device=device))]
        numbers = torch.rand(count, self.config.continuous + self.config.latent, device=device) * 2 - 1
        return torch.cat([*parts, numbers], 1)

    def one_of_categories(self, category: Tensor) -> Tensor:
        """1 at the number of each category and else 0 [N, categories]; unlike one_hot, it waits for no value."""
        return (category[:, None] == torch.arange(self.config.categories, device=category.device)).float()

    def generate_from(self, latent: Tensor) -> Tensor:
        made: Tensor = self.generator(latent)
        return made.float()

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def generate_from_codes(self, codes: Tensor) -> Tensor:
        """Samples for codes as in the docstring of the class."""
        latent, categories = self.draw_latent(len(codes)), self.config.categories
        if categories:
            latent = torch.cat([self.one_of_categories(codes[:, 0].round()), latent[:, categories:]], 1)
            codes = codes[:, 1:]
        end = categories + self.config.continuous
        return self.generate_from(torch.cat([latent[:, :categories], codes, latent[:, end:]], 1))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --lr or --discriminator-lr"
        warnings = [
            *mode_collapse(means, "generator/diversity", "generated samples", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", "lower --discriminator-lr", samples="samples"),
        ]
        most, information = math.log(max(2, self.config.categories)), means.get("generator/information")
        if information is not None and information < UNUSED * most:
            warnings.append(
                f"Samples hold {information:.2f} nats about their category, of at most {most:.2f}; raise --information."
            )
        return warnings


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [InfoGAN]
