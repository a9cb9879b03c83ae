"""The ceiling: the same network, trained with the labels of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec, OracleBatch
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.predictor import Predictor, declines, recipe
from ganzoo_baselines.supervised import PRESETS, SupervisedConfig

ganzoo_contract = 2


class Oracle(Method):
    name = "oracle"
    summary = "Learns from the labels of the target, which no other method receives: the ceiling."
    paper = ""
    Config = SupervisedConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    reads = ("target", "target_label")
    oracle = True
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
        assert isinstance(batch, OracleBatch)
        return {"task": self.predictor.loss(batch.target, batch.target_label)}

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [Oracle]
