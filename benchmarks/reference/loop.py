"""What the plain loops have in common: their data, and a name for each of their updates."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.batch import DataSpec
from reference.folder import endless


class PlainLoop(ABC):
    """One method, trained plainly. `source` and `target` are folders of PNG files with labels.npy."""

    def __init__(
        self,
        config: Any,
        spec: DataSpec,
        source: Path,
        target: Path,
        *,
        batch_size: int,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self.config, self.spec, self.batch_size, self.device = config, spec, batch_size, device
        self.source = endless(source, spec.channels, batch_size, workers)
        self.target = endless(target, spec.channels, batch_size, workers)
        self.losses: dict[str, float] = {}  # of the last update, as numbers, as one prints them in every step
        torch.manual_seed(0)
        self.build()

    @abstractmethod
    def build(self) -> None:
        """Networks, losses and optimizers."""

    @abstractmethod
    def cycle(self) -> None:
        """One update of every network."""

    def parts(self) -> Mapping[str, Callable[[], None]]:
        """Updates that can be run on their own, by the name of ganzoo's phase."""
        return {}

    def source_images(self) -> Tensor:
        return next(self.source)[0].to(self.device)

    def target_images(self) -> Tensor:
        return next(self.target)[0].to(self.device)


class ImagePool:
    """Past images in a list: each one asked for is a past one half of the time, whose place it takes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        if self.size == 0:
            return images
        answer = []
        for image in images.detach():
            if len(self.images) < self.size:
                self.images.append(image.clone())
                answer.append(image)
            elif random.random() > 0.5:
                place = random.randrange(self.size)
                answer.append(self.images[place].clone())
                self.images[place] = image.clone()
            else:
                answer.append(image)
        return torch.stack(answer)


def set_requires_grad(networks: list[nn.Module], wanted: bool) -> None:
    for network in networks:
        for parameter in network.parameters():
            parameter.requires_grad = wanted
