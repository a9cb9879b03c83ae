"""A plugin in a file with one tiny method for each thing that a method can do, none of which needs training."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.dataset import Dataset, Domain
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, RegressionTask

HEIGHT, WIDTH = 8, 10


class Digits(Dataset):
    """Grey squares: the class is a twentieth of their brightness."""

    name = "squares"
    summary = "Grey squares of ten brightnesses."
    homepage = "https://example.org"
    license = "none"
    Config = Settings
    task = ClassTask(10)

    def source(self) -> Domain:
        return self._part("source")

    def target(self) -> Domain:
        return self._part("target")

    def _part(self, name: str) -> Domain:
        classes = np.arange(20) % 10
        images = np.broadcast_to((20 * classes)[:, None, None, None], (20, 1, HEIGHT, WIDTH))
        return Domain(name, images.astype(np.uint8), classes[:, None].astype(np.float32))


class Sizes(Digits):
    name = "sizes"
    summary = "The same, with two numbers as labels."
    task = RegressionTask(2, "px")

    def _part(self, name: str) -> Domain:
        domain = super()._part(name)
        assert domain.labels is not None
        return Domain(name, domain.samples, np.concatenate([domain.labels, domain.labels / 4], 1))


class Points(Dataset):
    name = "points"
    summary = "Points of the plane."
    homepage = "https://example.org"
    license = "none"
    Config = Settings

    def target(self) -> Domain:
        return Domain("target", np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32))


class Able(Method):
    """What the others share. `calls` counts the calls of this process."""

    paper = ""
    Config = Settings
    reads = ("target",)
    calls: ClassVar[int] = 0

    def phases(self):
        return {}

    def _grey(self, level: Tensor) -> Tensor:
        """Samples [N, ...] of one level each."""
        Able.calls += 1
        return level.reshape(-1, *[1] * len(self.spec.sample.shape)).expand(-1, *self.spec.sample.shape)


class Coder(Able):
    name = "coder"
    summary = "Encodes brightness, reconstructs it, and generates it from codes."
    kinds = ("image", "vector")
    code_size = 2

    def __init__(self, config, spec) -> None:
        super().__init__(config, spec)
        self.register_buffer("code_low", torch.tensor([-1.0, 0.0]))
        self.register_buffer("code_high", torch.tensor([1.0, 3.0]))

    def encode(self, images: Tensor) -> Tensor:
        return torch.stack([images.flatten(1).mean(1), images.flatten(1)[:, 0]], 1)

    def reconstruct(self, images: Tensor) -> Tensor:
        return self._grey(images.flatten(1).mean(1))

    def generate_from_codes(self, codes: Tensor) -> Tensor:
        return self._grey(codes[:, 0])


class Painter(Able):
    """Brightness says the label, the rest is noise that stays apart from the network."""

    name = "painter"
    summary = "Generates for labels."
    kinds = ("image", "vector")

    def generate(self, count: int) -> Tensor:
        return self._grey(torch.rand(count) * 2 - 1)

    def generate_labelled(self, labels: Tensor) -> Tensor:
        return self.generate_labelled_from(self.draw_latent(len(labels)), labels)

    def draw_latent(self, count: int) -> Tensor:
        """Latents [count, 1], uniform in [0, 1]."""
        return torch.rand(count, 1)

    def generate_labelled_from(self, latent: Tensor, labels: Tensor) -> Tensor:
        return self._grey(labels[:, 0] / 10 - 0.5 + 0.01 * latent[:, 0])


class Reader(Able):
    name = "reader"
    summary = "Reads the label off the brightness."

    def predict(self, images: Tensor) -> Tensor:
        level = (images.flatten(1).mean(1, keepdim=True) + 1) * 127.5 / 20
        return torch.cat([level.round(), level / 4], 1)[:, : self.spec.task.label_size]


@hookimpl
def ganzoo_datasets():
    return [Digits, Sizes, Points]


@hookimpl
def ganzoo_methods():
    return [Coder, Painter, Reader]
