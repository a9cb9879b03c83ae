"""A classifier of the digits that `modes` reads from the channels of stacked ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase
from ganzoo.metric import Evaluation
from ganzoo.nn.predictor import Predictor, PredictorConfig, recipe
from ganzoo.pixels import to_unit_range
from ganzoo.settings import Settings
from ganzoo.task import ClassTask

DIGITS = 10
STEPS, BATCH = 1_000, 64
CHUNK = 1_000  # images per batch


class DigitNetwork(Method):
    """The MNIST network of Ganin et al. 2016 (figure 4a), trained on single digits."""

    name = "digit-network"
    summary = "A classifier of grey digits."
    paper = ""
    Config: ClassVar[type[Settings]] = PredictorConfig
    couples_batch = True  # BatchNorm

    def __init__(self, config: PredictorConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=True)

    def phases(self) -> Mapping[str, Phase]:
        return {"classify": Phase([self.predictor], self.loss, *recipe(self.config))}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def predict(self, images: Tensor) -> Tensor:
        """The classes [N, 1] of images [N, 1, H, W] in [-1, 1]."""
        return self.predictor(images)


def digit_network(data: Evaluation, stacked: Domain, seed: int) -> Method:
    """A network trained on each channel of stacked digits, a domain with the column `digits` [N, channels]."""
    height, width = stacked.images.shape[2:]
    task = ClassTask(classes=DIGITS)
    spec = DataSpec({"source": Column((1, height, width)), "source_label": Column((1,), "vector")}, task)
    single = Domain(
        f"{stacked.name} digits",
        np.ascontiguousarray(stacked.images.reshape(-1, 1, height, width)),
        stacked.extra["digits"].reshape(-1, 1),
    )
    config = PredictorConfig(network="mnist", augment=False)
    return data.fit(DigitNetwork(config, spec), single, steps=STEPS, batch_size=BATCH, seed=seed)


def read_digits(data: Evaluation, network: Method, images: np.ndarray) -> np.ndarray:
    """The digit that each channel of uint8 images [N, channels, H, W] shows: int [N, channels]."""
    assert isinstance(network, DigitNetwork)
    single = images.reshape(-1, 1, *images.shape[2:])
    with torch.no_grad():
        chunks = (torch.tensor(single[at : at + CHUNK], device=data.device) for at in range(0, len(single), CHUNK))
        classes = torch.cat([network.predict(to_unit_range(chunk)).cpu() for chunk in chunks])
    return classes.round().long().numpy().reshape(len(images), -1)
