"""Autoencoding beyond pixels using a learned similarity metric (Larsen et al. 2016), on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import non_saturating
from ganzoo.nn.convolutional import LAYER_NORM, convolutional_discriminator, convolutional_generator
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import perceptron
from ganzoo.nn.gaussian import (
    divergence_from_standard,
    mean_and_log_variance,
    negative_log_likelihood,
    reparameterised,
)
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings

ganzoo_contract = 2


class VAEGANConfig(Settings):
    """Settings of VAE-GAN. The defaults fit small images on a laptop."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    latent: int = Field(32, ge=1, description="Dimension of a code; its prior is standard normal.")
    gamma: float = Field(
        10.0,
        ge=0,
        description="Weight of the feature error against the adversarial loss in the decoder's loss. The error is half "
        "the mean squared difference of a feature; the paper's is their sum, so its gamma is this one divided by the "
        "number of features.",
    )
    deviation: float = Field(
        0.5,
        gt=0,
        description="Standard deviation of the likelihood of a feature in the encoder's loss: smaller values "
        "reconstruct better and match the prior less.",
    )
    maps: int = Field(16, ge=1, description="Feature maps at half the image's size, doubled at each level.")
    levels: int = Field(2, ge=1, description="Times that the networks halve or double an image.")
    width: int = Field(128, ge=1, description="Units of each of the two hidden layers of the networks for points.")
    lr: float = Field(5e-4, gt=0, description="Learning rate of the encoder and the decoder.")
    discriminator_lr: float = Field(2e-4, gt=0, description="Learning rate of the discriminator.")


class VAEGAN(Method):
    """Three losses for three networks on one batch (algorithm 1), each with only the gradients that the paper gives it.

    The encoder minimises the divergence of its codes from the prior plus the feature error, the decoder gamma times the
    feature error plus the adversarial loss, the discriminator the adversarial loss alone. Features are the
    discriminator's last hidden layer.
    Departures: the networks are updated in turn; the decoder's adversarial loss does not saturate; layer normalisation
    instead of BatchNorm, because real, reconstructed and generated samples go through one network, and it gives
    features a unit scale even in small networks; Adam instead of RMSprop; no network is skipped while another leads.
    """

    name = "vae-gan"
    summary = "A variational autoencoder whose reconstruction error is measured in features of its discriminator."
    paper = "https://arxiv.org/abs/1512.09300"
    Config = VAEGANConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"maps": 4, "width": 32}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 32}},
        # Section 4 for 64 x 64 pixels: 64 to 256 maps, codes of 128 numbers, batches of 64.
        "paper": {
            "method": {"latent": 128, "maps": 64, "levels": 3, "deviation": 1.0},
            "train": {"steps": 60_000, "batch_size": 64},
        },
    }

    def __init__(self, config: VAEGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = sample = spec.column(config.domain)
        self.code_size = config.latent
        if sample.kind == "image":
            sizes = {"width": config.maps, "levels": config.levels}
            self.encoder = convolutional_discriminator(sample, **sizes, outputs=2 * config.latent, norm=LAYER_NORM)
            self.decoder = convolutional_generator(sample, latent=config.latent, **sizes, norm=LAYER_NORM)
            self.discriminator = convolutional_discriminator(sample, **sizes, norm=LAYER_NORM)
            return
        size, width = prod(sample.shape), config.width
        self.encoder = nn.Sequential(nn.Flatten(), *perceptron(size, width, 2, 2 * config.latent))
        self.decoder = nn.Sequential(*perceptron(config.latent, width, 2, size), nn.Unflatten(1, sample.shape))
        normed = lambda: nn.Sequential(nn.LayerNorm(width), nn.LeakyReLU(0.2))  # noqa: E731
        self.discriminator = nn.Sequential(nn.Flatten(), *perceptron(size, width, 2, 1, normed))

    @classmethod
    def columns(cls, config: VAEGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr)
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, adam(self.config.discriminator_lr)),
            "encoder": Phase([self.encoder], self.encoder_loss, optimizer),
            "decoder": Phase([self.decoder], self.decoder_loss, optimizer),
        }

    def schedule(self, step: int) -> Schedule:
        """Algorithm 1: all losses are of one batch."""
        return (("discriminator", "encoder", "decoder"),)

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 8 with reconstructions (section 3.3), negated."""
        samples = batch[self.config.domain]
        with torch.no_grad():
            reconstructed, generated = self.generate_from(self.code(samples)), self.generate(len(samples))
        scores = [self.discriminator(each) for each in (samples, reconstructed, generated)]
        right = torch.cat([scores[0] > 0, scores[1] < 0, scores[2] < 0]).float().mean()
        return {
            "real": non_saturating(scores[0], real=True),
            "reconstructed": non_saturating(scores[1], real=False),
            "generated": non_saturating(scores[2], real=False),
            "accuracy": right,
        }

    def encoder_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """The negated bound with features instead of pixels (equations 5 and 7), in nats for each sample."""
        samples = batch[self.config.domain]
        mean, log_variance = mean_and_log_variance(self.encoder(samples))
        made = self.generate_from(reparameterised(mean, log_variance))
        error = negative_log_likelihood(self.features(samples), self.features(made), self.config.deviation)
        return {"divergence": divergence_from_standard(mean, log_variance).mean(), "features": error.mean()}

    def decoder_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """The decoder's line of algorithm 1. Codes are constant, so the encoder sees no adversarial gradient."""
        samples = batch[self.config.domain]
        with torch.no_grad():
            codes = self.code(samples)
        reconstructed, generated = self.generate_from(codes), self.generate(len(samples))
        features = self.features(reconstructed)
        error = (features - self.features(samples)).float().square().mean() / 2
        return {
            "features": self.config.gamma * error,
            "reconstructed": non_saturating(self.discriminator[-1](features), real=True),
            "generated": non_saturating(self.discriminator(generated), real=True),
            **diversity_term(generated, samples),
        }

    def features(self, samples: Tensor) -> Tensor:
        """The discriminator's last hidden layer [N, F]."""
        made: Tensor = self.discriminator[:-1](samples)
        return made

    def code(self, samples: Tensor) -> Tensor:
        """A sample of each posterior [N, latent]."""
        return reparameterised(*mean_and_log_variance(self.encoder(samples)))

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.config.latent, device=next(self.decoder.parameters()).device)

    def encode(self, images: Tensor) -> Tensor:
        return mean_and_log_variance(self.encoder(images))[0]

    def generate_from(self, latent: Tensor) -> Tensor:
        made: Tensor = self.decoder(latent)
        return made.float()

    def reconstruct(self, images: Tensor) -> Tensor:
        return self.generate_from(self.encode(images))

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return [
            *mode_collapse(means, "decoder/diversity", "generated samples", "real ones", "lower --lr or raise --gamma"),
            *saturated_discriminator(
                means, "discriminator/accuracy", "lower --discriminator-lr", samples="samples", learner="decoder"
            ),
        ]


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [VAEGAN]
