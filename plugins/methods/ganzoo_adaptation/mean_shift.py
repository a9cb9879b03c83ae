"""A correction in closed form: predictions for the target get the mean of the source's labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.predictor import LAPTOP, Predictor, PredictorConfig, declines, recipe
from ganzoo.task import GazeTask, RegressionTask
from ganzoo_adaptation.target_samples import chunks

ganzoo_contract = 2


class MeanShiftConfig(PredictorConfig):
    """Settings of a predictor that is trained on the source and shifted."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution.")


class MeanShift(Method):
    """Source-only, and then a constant for each column of the label, so that the mean prediction for the target equals
    the mean label of the source. It removes the part of the error that is the same for all images, and it is right only
    if both domains have the same mean label; it is the first moment of aligning the distributions of predictions."""

    name = "mean-shift"
    summary = "Source-only, shifted so that the mean prediction for the target is the source's mean label."
    paper = ""
    Config = MeanShiftConfig
    reads = ("source", "source_label", "target")
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    tasks = (GazeTask, RegressionTask)
    presets: ClassVar[Presets] = {"default": {"train": LAPTOP}}
    shift: Tensor  # float32 [task.label_size]

    def __init__(self, config: MeanShiftConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)
        self.register_buffer("shift", torch.zeros(spec.task.label_size))

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {"predictor": Phase([self.predictor], self.loss, *recipe(self.config))}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    @torch.no_grad()
    def finish(self, source: Domain, target: Domain) -> None:
        assert source.labels is not None
        self.eval()
        means = [self.predictor(chunk).double().mean(0) for chunk in chunks(target, self.shift.device)]
        wanted = torch.tensor(source.labels).double().mean(0).to(self.shift.device)
        self.shift.copy_(wanted - torch.stack(means).mean(0))

    def predict(self, images: Tensor) -> Tensor:
        shifted = self.predictor(images) + self.shift
        if isinstance(self.spec.task, GazeTask):  # angles: a pitch ends at the pole, and a yaw goes around
            pitch, yaw = shifted.unbind(1)
            around = torch.remainder(yaw + torch.pi, 2 * torch.pi) - torch.pi
            return torch.stack([pitch.clamp(-torch.pi / 2, torch.pi / 2), around], 1)
        return shifted


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [MeanShift]
