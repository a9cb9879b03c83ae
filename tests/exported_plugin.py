"""A plugin in a file with methods that cannot be exported, each for a reason of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.method import Method
from ganzoo.settings import Settings


class Nothing(Settings):
    """There is nothing to set."""


class Plain(Method):
    """What the others share."""

    paper = ""
    Config = Nothing

    def phases(self):
        return {}


class Noisy(Plain):
    name = "noisy"
    summary = "Adds noise."

    def refine(self, source: Tensor) -> Tensor:
        return source + 0.1 * torch.randn_like(source)


class Counting(Plain):
    name = "counting"
    summary = "Makes images brighter by the number of images, which a trace takes for a constant."

    def refine(self, source: Tensor) -> Tensor:
        return source + 0.01 * len(source)


class Closed(Plain):
    name = "closed"
    summary = "Generates, and keeps its noise to itself."

    def generate(self, count: int) -> Tensor:
        return torch.rand(count, *self.spec.image_shape) * 2 - 1


class Twofold(Closed):
    name = "twofold"
    summary = "Generates something else from a latent."

    def draw_latent(self, count: int) -> Tensor:
        return torch.rand(count, *self.spec.image_shape)

    def generate_from(self, latent: Tensor) -> Tensor:
        return latent


@hookimpl
def ganzoo_methods():
    return [Noisy, Counting, Closed, Twofold]
