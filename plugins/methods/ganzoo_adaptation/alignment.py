"""What methods share that add a distance between the features of both domains to the loss of a predictor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo.batch import Batch, DataSpec
from ganzoo.nn.diversity import diversity
from ganzoo.nn.gradient_balance import GradientBalance
from ganzoo.nn.predictor import Predictor
from ganzoo_adaptation.label_matching import LabelMatching, LabelMatchingConfig


class AlignmentConfig(LabelMatchingConfig):
    """Settings of a predictor whose features are aligned."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution, over source and target together.")
    alignment: float = Field(0.3, ge=0, description="Weight of the distance between features of source and target.")
    balance: Literal["gradient", "fixed"] = Field(
        "gradient",
        description="gradient: --alignment is the length of the distance's gradient at the features relative to "
        "that of the task's loss, and rises from 0 over the run; fixed: it is a plain weight, as in the papers.",
    )


class Alignment(nn.Module):
    """A predictor, and its loss with a distance between features."""

    def __init__(self, config: AlignmentConfig, spec: DataSpec) -> None:
        super().__init__()
        self.config = config
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)
        self.balance = GradientBalance()
        self.matching = LabelMatching(config.match_labels, spec)

    def loss(self, batch: Batch, distance: Callable[[Tensor, Tensor], Tensor]) -> Mapping[str, Tensor]:
        """The terms of a batch. `distance` takes float32 features [B, D] of the source and of the target, and gives a
        0-d tensor. Both domains go through the network together, so that BatchNorm treats them alike."""
        count, predictor = len(batch), self.predictor
        source, label = self.matching.draw(batch)
        features = predictor.features(predictor.training_images(torch.cat([source, batch.target]))).float()
        output = predictor.head(features[:count]).float()
        task = predictor.task.loss(output, label)
        if self.config.match_labels:
            self.matching.observe(predictor.head(features[count:].detach()))
        between = distance(features[:count], features[count:])
        weight = torch.full_like(between.detach(), self.config.alignment)
        if self.config.balance == "gradient":
            weight = weight * self.matching.ramp(batch.progress) * self.balance(task, between, features)
        terms = {"task": task, "alignment": weight * between, "distance": between.detach(), "weight": weight}
        if count > 1:
            terms["diversity"] = diversity(predictor.task.decode(output.detach()), label)
        return terms


def diagnose(means: Mapping[str, float]) -> Sequence[str]:
    """Warnings for `Method.diagnose` of a method whose phase is called `predictor`."""
    spread = means.get("predictor/diversity")
    if spread is not None and spread < 0.05:
        return [
            f"Mode collapse: predictions for source images differ from each other {spread:.2f} times as much as their "
            "labels do; lower --alignment or --lr."
        ]
    return []
