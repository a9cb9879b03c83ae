"""The small gaze network: that of `source-only`, `adabn` and `dann`, to compare a refiner with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase
from ganzoo.nn.predictor import Predictor, PredictorConfig, recipe
from ganzoo.settings import Settings


class SmallGazeNetwork(Method):
    """Learns the task of the source's labels only from the source, by the recipe of the method `source-only`.

    Takes images of any size.
    """

    name = "small-gaze-network"
    summary = "The network of source-only and DANN, trained only on labelled images."
    paper = ""
    Config: ClassVar[type[Settings]] = PredictorConfig
    couples_batch = True  # BatchNorm

    def __init__(self, config: PredictorConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=True)

    def phases(self) -> Mapping[str, Phase]:
        return {"regress": Phase([self.predictor], self.loss, *recipe(self.config))}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def predict(self, images: Tensor) -> Tensor:
        """The task's prediction for images [N, C, H, W] in [-1, 1]: [N, task.label_size]."""
        return self.predictor(images)
