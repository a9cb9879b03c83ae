"""Adaptive Batch Normalization (Li et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.predictor import LAPTOP, PAPER, PAPER_TRAINING, Predictor, PredictorConfig, declines, recipe
from ganzoo.pixels import as_input

ganzoo_contract = 2

ENOUGH = 10_000  # target images, evenly spaced, from which statistics are taken
CHUNK = 256  # of them in a batch


class AdaBN(Method):
    """Adaptive batch normalization (Li et al. 2016, algorithm 1).

    Statistics are taken in one pass over the target, batch by batch, each layer on the output of the layers before
    it for the same batch.
    """

    name = "adabn"
    summary = "Source-only, with the BatchNorm statistics of the target instead of the source's."
    paper = "https://arxiv.org/abs/1603.04779"
    Config = PredictorConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "paper": {"method": PAPER, "train": PAPER_TRAINING},
    }

    def __init__(self, config: PredictorConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=True)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {"predictor": Phase([self.predictor], self.loss, *recipe(self.config))}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def finish(self, source: Domain, target: Domain) -> None:
        images = target.spread(ENOUGH).samples
        device = next(self.predictor.parameters()).device
        chunks = np.array_split(images, -(-len(images) // CHUNK))  # of equal size: each has the same weight in the mean
        update_bn((as_input(torch.tensor(chunk).to(device)) for chunk in chunks), self.predictor.features)

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [AdaBN]
