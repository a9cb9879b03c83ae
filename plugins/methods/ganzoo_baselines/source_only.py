"""The reference without adaptation: DANN's network, trained only on the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.predictor import Predictor, declines, recipe
from ganzoo_baselines.supervised import PRESETS, SupervisedConfig

ganzoo_contract = 2


class SourceOnly(Method):
    name = "source-only"
    reads = ("source", "source_label")
    summary = "Learns to predict labels only from the labelled source, with DANN's network and budget."
    paper = ""
    Config = SupervisedConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = PRESETS

    def __init__(self, config: SupervisedConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {"predictor": Phase([self.predictor], self.loss, *recipe(self.config))}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [SourceOnly]
