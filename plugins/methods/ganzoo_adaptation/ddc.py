"""Deep Domain Confusion (Tzeng et al. 2014): features whose maximum mean discrepancy is small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.mmd import bandwidths, squared_mmd
from ganzoo.nn.predictor import LAPTOP, PAPER, PAPER_TRAINING, recipe
from ganzoo_adaptation.alignment import Alignment, AlignmentConfig, diagnose
from ganzoo_adaptation.label_matching import declines

ganzoo_contract = 2


class DDCConfig(AlignmentConfig):
    """Settings of DDC. The defaults fit eyes on a laptop; the preset `paper` has the paper's kernel and weight."""

    kernel: Literal["gaussian", "linear"] = Field(
        "gaussian",
        description="gaussian: the sum of five kernels of different widths, which sees all differences between "
        "distributions; linear: the paper's, which compares the means of features.",
    )


class DDC(Method):
    """The loss of section 3: that of the labels, and a multiple of the squared maximum mean discrepancy between the
    features of source and target. The paper's discrepancy compares means; the default is that of its successor (Long et
    al. 2015), whose kernels are characteristic. The paper's adaptation layer is the last layer of the backbone here."""

    name = "ddc"
    summary = "Predicts labels from features with a small maximum mean discrepancy between source and target."
    paper = "https://arxiv.org/abs/1412.3474"
    Config = DDCConfig
    couples_batch = True  # BatchNorm and the discrepancy
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "no-alignment": {"method": {"alignment": 0.0}, "train": LAPTOP},
        "matched": {"method": {"match_labels": 2}, "train": LAPTOP},
        "paper": {
            "method": {**PAPER, "batch_norm": False, "kernel": "linear", "balance": "fixed", "alignment": 0.25},
            "train": PAPER_TRAINING,
        },
    }

    def __init__(self, config: DDCConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.aligned = Alignment(config, spec)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        averages = self.aligned.matching.averages("aligned.matching")
        return {"predictor": Phase([self.aligned.predictor], self.loss, *recipe(self.config), averages=averages)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return self.aligned.loss(batch, self.distance)

    def distance(self, source: Tensor, target: Tensor) -> Tensor:
        """Equation 2, for features [B, D] and [B, D]."""
        if self.config.kernel == "linear":
            return (source.mean(0) - target.mean(0)).square().sum()
        return squared_mmd(source, target, bandwidths(source, target))

    def predict(self, images: Tensor) -> Tensor:
        return self.aligned.predictor(images)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return diagnose(means)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [DDC]
