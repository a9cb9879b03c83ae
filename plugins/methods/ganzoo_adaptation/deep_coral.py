"""Deep CORAL (Sun and Saenko 2016): features whose covariances agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.full_precision import without_autocast
from ganzoo.nn.predictor import LAPTOP, PAPER, PAPER_TRAINING, recipe
from ganzoo_adaptation.alignment import Alignment, AlignmentConfig, diagnose
from ganzoo_adaptation.label_matching import declines

ganzoo_contract = 2


class DeepCoral(Method):
    """The loss of section 3.2: that of the labels, and a multiple of the distance between the covariances of features.
    The paper aligns the last layer, whose outputs are class scores; here it is the last layer of the backbone, so that
    it works for any task. The paper gives no weight but a rule: both losses are about equal at the end of training."""

    name = "deep-coral"
    summary = "Predicts labels from features whose covariance is the same in source and target."
    paper = "https://arxiv.org/abs/1607.01719"
    Config = AlignmentConfig
    couples_batch = True  # BatchNorm and covariances
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "paper": {
            "method": {**PAPER, "batch_norm": False, "balance": "fixed", "alignment": 1.0},
            "train": {**PAPER_TRAINING, "batch_size": 128},
        },
    }

    def __init__(self, config: AlignmentConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.aligned = Alignment(config, spec)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        averages = self.aligned.matching.averages("aligned.matching")
        return {"predictor": Phase([self.aligned.predictor], self.loss, *recipe(self.config), averages=averages)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return self.aligned.loss(batch, coral)

    def predict(self, images: Tensor) -> Tensor:
        return self.aligned.predictor(images)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return diagnose(means)


def coral(source: Tensor, target: Tensor) -> Tensor:
    """The squared Frobenius distance between the covariances of features [N, D] and [M, D], over 4 D^2 (equation 1)."""
    size = source.shape[1]
    return (covariance(source) - covariance(target)).square().sum() / (4 * size * size)


def covariance(features: Tensor) -> Tensor:
    """Of rows [N, D] (equations 2 and 3): [D, D]. The covariance of one row is zero."""
    centred = features - features.mean(0)
    with without_autocast(features.device):
        return centred.T @ centred / max(len(features) - 1, 1)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [DeepCoral]
