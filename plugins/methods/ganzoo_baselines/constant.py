"""The floor: one prediction for every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, Presets
from ganzoo.settings import Settings
from ganzoo.task import ClassTask

ganzoo_contract = 2


class Constant(Method):
    name = "constant"
    kinds = ("image", "vector")
    reads = ("source", "source_label")
    summary = "Predicts the mean source label (or the most frequent class) for every image: the floor."
    paper = ""
    Config = Settings
    presets: ClassVar[Presets] = {"default": {"train": {"steps": 0}}}
    prediction: Tensor  # [task.label_size]

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("prediction", torch.zeros(spec.task.label_size))

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        labels = torch.tensor(source.labels)
        most_frequent = isinstance(self.spec.task, ClassTask)  # a mean of classes is not a class
        self.prediction.copy_(labels.mode(0).values if most_frequent else labels.double().mean(0))

    def predict(self, images: Tensor) -> Tensor:
        return self.prediction.expand(images.shape[0], -1)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [Constant]
