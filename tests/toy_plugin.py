"""A plugin in a file, as a user would write one: a tiny dataset and two tiny methods that train in seconds."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam

from ganzoo import hookimpl
from ganzoo.batch import Batch
from ganzoo.dataset import Dataset, Domain
from ganzoo.method import Method, Phase
from ganzoo.metric import Extractor
from ganzoo.settings import Settings
from ganzoo.task import GazeTask

HEIGHT, WIDTH = 24, 40


def discs(count: int, seed: int, brightness: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark discs whose place is the gaze: uint8 [count, 1, 24, 40] and pitch, yaw [count, 2]."""
    random = np.random.default_rng(seed)
    gaze = random.uniform(-0.3, 0.3, (count, 2)).astype(np.float32)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    center_x, center_y = WIDTH / 2 - 30 * gaze[:, 1], HEIGHT / 2 - 20 * gaze[:, 0]  # up and image-left positive
    inside = (x - center_x[:, None, None]) ** 2 + (y - center_y[:, None, None]) ** 2 < 25
    noise = random.integers(0, 20, (count, HEIGHT, WIDTH))
    return (np.where(inside, 40, brightness) + noise).astype(np.uint8)[:, None], gaze


class ToyConfig(Settings):
    count: int = Field(64, ge=4, description="Images of each part.")


class Toy(Dataset):
    name = "toy"
    summary = "Dark discs on a bright ground; the target's ground is darker."
    homepage = "https://example.org"
    license = "none"
    Config = ToyConfig
    task = GazeTask()

    def _part(self, name: str, seed: int, brightness: int) -> Domain:
        images, gaze = discs(self.config.count, seed, brightness)
        return Domain(name, images, gaze, np.arange(len(images)) % 4)

    def source(self) -> Domain:
        return self._part("source", 0, 220)

    def source_test(self) -> Domain:
        return self._part("source_test", 1, 220)

    def target(self) -> Domain:
        return self._part("target", 2, 120)

    def target_test(self) -> Domain:
        return self._part("target_test", 3, 120)


class ShiftConfig(Settings):
    lr: float = Field(0.02, gt=0, description="Learning rate.")
    explode_at: int = Field(0, ge=0, description="Multiply the loss by infinity from this update on; 0: never.")


class Shift(Method):
    """Learns one brightness and one contrast that bring the source's mean and spread to the target's."""

    name = "shift"
    summary = "Learns a brightness and a contrast."
    paper = ""
    Config = ShiftConfig
    presets: ClassVar = {"fast": {"method": {"lr": 0.1}, "train": {"steps": 7}}}

    def __init__(self, config, spec) -> None:
        super().__init__(config, spec)
        self.scale = nn.Conv2d(spec.channels, spec.channels, 1)
        self.register_buffer("updates", nn.Parameter(self.scale.bias.new_zeros(()), requires_grad=False))

    def phases(self):
        return {"shift": Phase([self.scale], self.loss, partial(Adam, lr=self.config.lr))}

    def loss(self, batch: Batch):
        made = self.scale(batch.source)
        self.updates += 1
        moments = (_moments(made) - _moments(batch.target)).square().mean()
        if self.config.explode_at:
            moments = moments * (1 / (self.updates < self.config.explode_at).float())
        return {"moments": moments, "brightness": made.detach().mean()}

    def refine(self, source: Tensor) -> Tensor:
        return self.scale(source).clamp(-1, 1)


def _moments(images: Tensor) -> Tensor:
    """Mean and standard deviation of each image."""
    pixels = images.float().flatten(1)
    return torch.stack([pixels.mean(1), pixels.std(1)])


class Pixels(Extractor):
    """The pixels of every fourth row and column, as they are."""

    name = "pixels"
    summary = "Pixels."

    card: ClassVar = {"extractor": "pixels"}

    def __init__(self, data) -> None:
        pass

    def features(self, images: Tensor) -> Tensor:
        return images[:, :, ::4, ::4].float().flatten(1)


@hookimpl
def ganzoo_extractors():
    return [Pixels]


@hookimpl
def ganzoo_datasets():
    return [Toy]


@hookimpl
def ganzoo_methods():
    return [Shift]
