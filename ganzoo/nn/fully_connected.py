"""Fully connected networks for samples of any form: images in [-1, 1] or vectors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from ganzoo.batch import Column


def perceptron(
    inputs: int, width: int, layers: int, outputs: int, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Vectors [N, inputs] to [N, outputs]: `layers` hidden layers of `width` units, and a linear output."""
    sizes = [inputs, *[width] * layers]
    hidden = [part for sides in pairwise(sizes) for part in (nn.Linear(*sides), activation())]
    return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs))


def as_samples(values: Tensor, sample: Column) -> Tensor:
    """Vectors [N, D] as samples [N, *shape] in float32: images through tanh, vectors as they are."""
    shaped = values.unflatten(1, sample.shape)
    return shaped.tanh().float() if sample.kind == "image" else shaped.float()


class Generator(nn.Module):
    """Latent vectors [N, latent], standard normal, to samples [N, *shape] of a column's form."""

    def __init__(self, sample: Column, *, latent: int, width: int, layers: int) -> None:
        super().__init__()
        self.sample, self.latent = sample, latent
        self.layers = perceptron(latent, width, layers, prod(sample.shape))

    def forward(self, latent: Tensor) -> Tensor:
        return as_samples(self.layers(latent), self.sample)

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.latent, device=next(self.parameters()).device)

    def generate(self, count: int) -> Tensor:
        """Samples of `count` random latent vectors."""
        samples: Tensor = self(self.draw_latent(count))
        return samples


def discriminator(sample: Column, *, width: int, layers: int) -> nn.Sequential:
    """Samples [N, *shape] to one number each [N, 1]. It has no BatchNorm, so each sample is judged alone."""
    return nn.Sequential(nn.Flatten(), perceptron(prod(sample.shape), width, layers, 1))
