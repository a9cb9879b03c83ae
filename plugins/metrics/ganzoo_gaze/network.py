"""The gaze network of Shrivastava et al. (2017, section 3.1.3) and the recipe that trains it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import AdamW

from ganzoo.batch import Batch, DataSpec
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method, Phase
from ganzoo.settings import Settings
from ganzoo.task import GazeTask, gaze_vector

WARM_UP = 0.1  # warm-up, as a share of the run
HIDDEN = 1000


class GazeNetworkConfig(Settings):
    """Settings of the gaze network's training."""

    lr: float = Field(1e-3, gt=0, description="Highest learning rate.")
    augment: bool = Field(True, description="Augment position, scale and lighting of the training images.")


def one_cycle(progress: float) -> float:
    """A linear rise over the first tenth of the run, then half a cosine to zero."""
    if progress < WARM_UP:
        return (progress + 0.01) / (WARM_UP + 0.01)
    return 0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))


class GazeNetwork(Method):
    """Learns the task of the source's labels only from the source. Takes images of 19 x 19 pixels and more.

    The layers are the paper's. Its list reads "FC 9600, FC 1000, FC 3": for 35 x 55 pixels and convolutions without
    padding, 9600 = 192 x 5 x 10 is the size of the last feature maps, so the first layer with weights of its own is
    9600 -> 1000. The paper does not specify initialisation and optimisation; those parts are ours.
    """

    name = "gaze-network"
    summary = "The gaze network of the SimGAN paper, trained only on labelled source images."
    paper = "https://arxiv.org/abs/1612.07828"
    Config: ClassVar[type[Settings]] = GazeNetworkConfig
    reads = ("source", "source_label")

    def __init__(self, config: GazeNetworkConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        convolutions = nn.Sequential(
            nn.Conv2d(spec.channels, 32, 3), nn.ReLU(),
            nn.Conv2d(32, 32, 3), nn.ReLU(),
            nn.Conv2d(32, 64, 3), nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 80, 3), nn.ReLU(),
            nn.Conv2d(80, 192, 3), nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Flatten(),
        )  # fmt: skip
        hidden = nn.Linear(_flat_size(spec), HIDDEN)
        self.features = nn.Sequential(convolutions, hidden, nn.ReLU())
        self.regressor = nn.Linear(HIDDEN, spec.task.output_size)
        for module in self.features.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.normal_(self.regressor.weight, std=0.01)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        if isinstance(
            spec.task, GazeTask
        ):  # start by predicting a gaze into the camera: Adam would need hundreds of steps for it
            self.regressor.bias.data.copy_(gaze_vector(torch.zeros(2)))

    def phases(self) -> Mapping[str, Phase]:
        optimizer = partial(AdamW, lr=self.config.lr, fused=True)
        return {"regress": Phase([self.features, self.regressor], self.loss, optimizer, decay=one_cycle)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        images = self.spec.task.augment(batch.source) if self.config.augment else batch.source
        output = self.regressor(self.features(images))
        return {"task": self.spec.task.loss(output.float(), batch.source_label)}

    def predict(self, images: Tensor) -> Tensor:
        """The task's prediction for images [N, C, H, W] in [-1, 1]: [N, task.label_size]."""
        return self.spec.task.decode(self.regressor(self.features(images)).float())


def _flat_size(spec: DataSpec) -> int:
    """Numbers in the last feature maps. Raises MetricUnavailableError if nothing is left of the image."""
    height, width = (((size - 6 - 3) // 2 + 1 - 4) // 2 for size in (spec.height, spec.width))
    if height < 1 or width < 1:
        raise MetricUnavailableError(
            f"images of {spec.height} x {spec.width} pixels are too small for the paper's gaze network, "
            "which needs 19 x 19 at least"
        )
    return 192 * height * width
