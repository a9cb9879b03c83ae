"""Networks that turn samples into features, by name. A plugin adds one with the hook `ganzoo_backbones`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import ClassVar

from torch import nn

from ganzoo import hookimpl


class Backbone(ABC):
    """The features of a predictor, and the head that reads the task's labels from them."""

    name: ClassVar[str]  # lower case
    summary: ClassVar[str]  # one sentence
    kinds: ClassVar[tuple[str, ...]] = ("image",)  # of samples that it takes: image, vector

    @classmethod
    @abstractmethod
    def features(cls, shape: tuple[int, ...], batch_norm: bool) -> tuple[nn.Module, int]:
        """A network from samples [N, *shape] to features [N, size], and that size."""

    @classmethod
    def head(cls, size: int, outputs: int) -> nn.Module:
        """A network from features [N, size] to outputs [N, outputs]."""
        return nn.Sequential(nn.Linear(size, outputs))

    @classmethod
    def declines(cls, shape: tuple[int, ...]) -> str:
        """Why it cannot take samples of this shape, such as "takes images of 16 x 16 pixels and more"; empty if it
        can."""
        return ""


class GazeBackbone(Backbone):
    """Four convolutions and 256 features; images of any size."""

    name = "gaze"
    summary = "A small gaze network for images of any size."

    @classmethod
    def features(cls, shape: tuple[int, ...], batch_norm: bool) -> tuple[nn.Module, int]:
        channels, height, width = shape
        down = nn.MaxPool2d(2, ceil_mode=True)
        rows, columns = -(-height // 8), -(-width // 8)
        return nn.Sequential(
            *_convolution(channels, 32, 5, batch_norm, stride=2, padding=2),
            *_convolution(32, 48, 3, batch_norm, padding=1), down,
            *_convolution(48, 64, 3, batch_norm, padding=1),
            *_convolution(64, 64, 3, batch_norm, padding=1), down,
            nn.Flatten(), nn.Linear(64 * rows * columns, 256), nn.ReLU(),
        ), 256  # fmt: skip


class DigitBackbone(Backbone):
    """The network of Ganin et al. 2016, figure 4 (a): 768 features at 28 x 28 pixels."""

    name = "mnist"
    summary = "The DANN paper's network for MNIST."

    @classmethod
    def features(cls, shape: tuple[int, ...], batch_norm: bool) -> tuple[nn.Module, int]:
        rows, columns = _left(shape)
        return nn.Sequential(
            *_convolution(shape[0], 32, 5, batch_norm), nn.MaxPool2d(2),
            *_convolution(32, 48, 5, batch_norm), nn.MaxPool2d(2),
            nn.Flatten(),
        ), 48 * rows * columns  # fmt: skip

    @classmethod
    def head(cls, size: int, outputs: int) -> nn.Module:
        return nn.Sequential(
            nn.Linear(size, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, outputs)
        )  # fmt: skip

    @classmethod
    def declines(cls, shape: tuple[int, ...]) -> str:
        size = " x ".join(map(str, shape[1:]))
        least = f"takes images of 16 x 16 pixels and more, but these are {size}; use --network gaze"
        return "" if min(_left(shape)) >= 1 else least


class PerceptronBackbone(Backbone):
    """Two hidden layers of 256 units, for features of another network and for points."""

    name = "mlp"
    summary = "Two fully connected layers, for vectors."
    kinds = ("vector", "image")

    @classmethod
    def features(cls, shape: tuple[int, ...], batch_norm: bool) -> tuple[nn.Module, int]:
        def layer(inputs: int) -> list[nn.Module]:
            linear = nn.Linear(inputs, 256, bias=not batch_norm)
            return [linear, nn.BatchNorm1d(256), nn.ReLU()] if batch_norm else [linear, nn.ReLU()]

        return nn.Sequential(nn.Flatten(), *layer(prod(shape)), *layer(256)), 256


BACKBONES: dict[str, type[Backbone]] = {
    backbone.name: backbone for backbone in (GazeBackbone, DigitBackbone, PerceptronBackbone)
}
"""By name. The registry adds the backbones of plugins when it loads them."""


def _left(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of the last feature maps of `DigitBackbone`."""
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in shape[1:])
    return rows, columns


def _convolution(
    channels: int, maps: int, kernel: int, batch_norm: bool, stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, maps, kernel, stride, padding, bias=not batch_norm)
    return [convolution, nn.BatchNorm2d(maps), nn.ReLU()] if batch_norm else [convolution, nn.ReLU()]


@hookimpl
def ganzoo_backbones() -> Sequence[type[Backbone]]:
    return [GazeBackbone, DigitBackbone, PerceptronBackbone]
