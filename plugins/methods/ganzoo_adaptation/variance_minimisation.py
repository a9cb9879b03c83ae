"""Adaptation by minimising the variance of an ensemble's predictions (Cai et al. 2023, UnReGA)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Stage
from ganzoo.nn.optimizers import adam
from ganzoo.nn.predictor import Predictor, PredictorConfig, declines, recipe

ganzoo_contract = 2


class VarianceMinimisationConfig(PredictorConfig):
    """Settings of an ensemble. Those of a predictor apply to its first stage."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution; it rests in the second stage.")
    members: int = Field(5, ge=2, description="Networks of the ensemble.")
    variance: float = Field(1.0, ge=0, description="Weight of the spread of predictions for a target image.")
    adaptation: float = Field(0.1, gt=0, description="Steps of the second stage per step of the first.")
    adaptation_lr: float = Field(1e-4, gt=0, description="Learning rate of the second stage.")


class VarianceMinimisation(Method):
    """Two stages: networks with different first weights learn the source, each with its own augmentation; then they
    learn to agree on the target (the uncertainty of section 3.2), with BatchNorm frozen. Departures: the source's loss
    is kept in the second stage, which the source-free original cannot do; and the prediction is the mean of the
    networks' outputs, because a mean of their weights needs networks of one trajectory."""

    name = "variance-minimisation"
    summary = "An ensemble trained on the source, whose networks then learn to agree on the target."
    paper = "https://openaccess.thecvf.com/content/CVPR2023/html/Cai_Source-Free_Adaptive_Gaze_Estimation_by_Uncertainty_Reduction_CVPR_2023_paper.html"
    Config = VarianceMinimisationConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 1_650, "batch_size": 64}},
        "ensemble": {"method": {"variance": 0.0}, "train": {"steps": 1_650, "batch_size": 64}},
    }
    checked_at_most: ClassVar[Mapping[str, float]] = {"members": 2}

    def __init__(self, config: VarianceMinimisationConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.members = nn.ModuleList(
            Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm) for _ in range(config.members)
        )

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {
            "source": Phase([self.members], self.source_loss, *recipe(self.config)),
            "agreement": Phase([self.members], self.agreement_loss, adam(self.config.adaptation_lr)),
        }

    def stages(self) -> Sequence[Stage]:
        return (
            Stage("source", 1.0, lambda step: ("source",)),
            Stage("adaptation", self.config.adaptation, lambda step: ("agreement",), resting=[self.members]),
        )

    def source_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        losses = [member.loss(batch.source, batch.source_label) for member in self._predictors()]
        return {"task": torch.stack(losses).sum()}

    def agreement_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        images = self._predictors()[0].training_images(batch.target)
        spread = (self._outputs(images).var(0) + 1e-8).sqrt().mean()  # finite slope for equal networks
        return {**self.source_loss(batch), "spread": self.config.variance * len(self.members) * spread}

    def _predictors(self) -> list[Predictor]:
        return [member for member in self.members if isinstance(member, Predictor)]

    def _outputs(self, images: Tensor) -> Tensor:
        """Raw outputs of all members: [members, N, task.output_size]."""
        return torch.stack([member.head(member.features(images)).float() for member in self._predictors()])

    def predict(self, images: Tensor) -> Tensor:
        return self.spec.task.decode(self._outputs(images).mean(0))


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [VarianceMinimisation]
