"""Auto-Encoding Variational Bayes (Kingma and Welling 2014): fully connected, on images or points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adagrad

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.gaussian import (
    divergence_from_standard,
    mean_and_log_variance,
    negative_log_likelihood,
    reparameterised,
)
from ganzoo.nn.optimizers import adam
from ganzoo.settings import Settings

ganzoo_contract = 2
EMPTY = 0.1  # nats: codes with less information about samples are ignored by the decoder


class VAEConfig(Settings):
    """Settings of the VAE. The defaults fit small images on a laptop; the preset `paper` holds the paper's."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    latent: int = Field(16, ge=1, description="Dimension of a code; its prior is standard normal.")
    deviation: float = Field(
        0.2,
        gt=0,
        description="Standard deviation of the likelihood of each number of a sample, images being in [-1, 1]: "
        "smaller values reconstruct better and match the prior less.",
    )
    width: int = Field(512, ge=1, description="Units of each hidden layer of both networks.")
    layers: int = Field(2, ge=1, le=16, description="Hidden layers of each network.")
    activation: Literal["relu", "tanh"] = Field("relu", description="Of the hidden units.")
    optimizer: Literal["adam", "adagrad"] = Field("adam", description="Adam, or Adagrad as in the paper.")
    lr: float = Field(1e-3, gt=0, description="Learning rate.")


class VAE(Method):
    """Maximises the evidence lower bound with one sample of each code (equation 10, L = 1).

    There is no adversary: it is the control of the adversarial autoencoders. Generated and reconstructed samples are
    the means of the decoder's distribution, without its noise; an encoded sample is the mean of its codes.
    Departures: the paper chooses the decoder's variance by a network, here it is a setting; its weights have a normal
    prior, here none.
    """

    name = "vae"
    summary = "A variational autoencoder, without any adversary: it encodes, reconstructs and generates."
    paper = "https://arxiv.org/abs/1312.6114"
    Config = VAEConfig
    kinds = ("image", "vector")
    checked_at_most: ClassVar = {"width": 64}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 64}},
        # Section 5 and appendix C, from memory: one layer of 500 tanh units, Adagrad with .02, batches of 100.
        "paper": {
            "method": {"width": 500, "layers": 1, "activation": "tanh", "optimizer": "adagrad", "lr": 0.02,
                       "latent": 20},
            "train": {"steps": 100_000, "batch_size": 100},
        },
    }  # fmt: skip

    def __init__(self, config: VAEConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.sample = spec.column(config.domain)
        self.code_size = config.latent
        size, activation = prod(self.sample.shape), nn.ReLU if config.activation == "relu" else nn.Tanh
        shape = (config.width, config.layers)
        self.encoder = nn.Sequential(nn.Flatten(), *perceptron(size, *shape, 2 * config.latent, activation))
        self.decoder = perceptron(config.latent, *shape, size, activation)

    @classmethod
    def columns(cls, config: VAEConfig) -> tuple[str, ...]:
        return (config.domain,)

    def phases(self) -> Mapping[str, Phase]:
        lr = self.config.lr
        optimizer = adam(lr, 0.9) if self.config.optimizer == "adam" else partial(Adagrad, lr=lr)
        return {"autoencoder": Phase([self.encoder, self.decoder], self.loss, optimizer)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """The negated bound, in nats for each sample: the mean of equation 10 over the batch."""
        samples = batch[self.config.domain]
        mean, log_variance = mean_and_log_variance(self.encoder(samples))
        made = self.generate_from(reparameterised(mean, log_variance))
        return {
            "reconstruction": negative_log_likelihood(samples, made, self.config.deviation).mean(),
            "divergence": divergence_from_standard(mean, log_variance).mean(),
            **diversity_term(made, samples),
        }

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.config.latent, device=next(self.decoder.parameters()).device)

    def encode(self, images: Tensor) -> Tensor:
        return mean_and_log_variance(self.encoder(images))[0]

    def generate_from(self, latent: Tensor) -> Tensor:
        return as_samples(self.decoder(latent), self.sample)

    def reconstruct(self, images: Tensor) -> Tensor:
        return self.generate_from(self.encode(images))

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "lower --deviation or raise --latent"
        divergence = means.get("autoencoder/divergence")
        if divergence is not None and divergence < EMPTY:
            return [f"Posterior collapse: codes hold {divergence:.2f} nats about their samples; {fix}."]
        return mode_collapse(means, "autoencoder/diversity", "reconstructions", "their originals", fix)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [VAE]
