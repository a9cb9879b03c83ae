"""Adversarial Discriminative Domain Adaptation (Tzeng et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Stage
from ganzoo.nn.adversarial import non_saturating
from ganzoo.nn.optimizers import adam
from ganzoo.nn.predictor import PAPER as SUPERVISED
from ganzoo.nn.predictor import Predictor, PredictorConfig, declines, recipe

ganzoo_contract = 2


class ADDAConfig(PredictorConfig):
    """Settings of ADDA. Those of a predictor apply to its first stage."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution.")
    adaptation: float = Field(1.0, gt=0, description="Steps of the second stage per step of the first.")
    adversarial_lr: float = Field(1e-4, gt=0, description="Learning rate of the target encoder and the discriminator.")
    width: int = Field(500, ge=1, description="Units of each of the discriminator's two hidden layers.")


# The authors' code for SVHN to MNIST: 10,000 steps of each stage; its LeNet has no BatchNorm.
PAPER: dict[str, Any] = {**SUPERVISED, "optimizer": "adamw", "lr": 1e-3, "decay": "constant", "batch_norm": False}


class ADDA(Method):
    """Two stages (section 4): a predictor learns from the source; then a copy of its encoder learns on the target to
    give features that a discriminator takes for the source's. The source encoder and the head are frozen meanwhile."""

    name = "adda"
    summary = "Adapts a copy of an encoder trained on the source, until its target features look like the source's."
    paper = "https://arxiv.org/abs/1702.05464"
    Config = ADDAConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 64}},
        "paper": {
            "method": {**PAPER, "adversarial_lr": 2e-4},
            "train": {"steps": 20_000, "batch_size": 128},
        },
    }

    def __init__(self, config: ADDAConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)
        self.target_features = deepcopy(self.predictor.features)
        size, width = self.predictor.feature_size, config.width
        self.discriminator = nn.Sequential(
            nn.Linear(size, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    @classmethod
    def declines(cls, config: ADDAConfig, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.adversarial_lr)
        return {
            "source": Phase([self.predictor], self.source_loss, *recipe(self.config)),
            "discriminator": Phase([self.discriminator], self.discriminator_loss, optimizer),
            "target": Phase([self.target_features], self.target_loss, optimizer),
        }

    def stages(self) -> Sequence[Stage]:
        return (
            Stage("source", 1.0, lambda step: ("source",)),
            Stage(
                "adaptation",
                self.config.adaptation,
                lambda step: (("discriminator", "target"),),
                begin=self.copy_encoder,
                resting=[self.predictor],
            ),
        )

    def copy_encoder(self) -> None:
        """Section 4: the target's encoder starts from the source's."""
        self.target_features.load_state_dict(self.predictor.features.state_dict())

    def source_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 7, negated: features of the source are the real ones."""
        with torch.no_grad():
            source = self.predictor.features(self.predictor.training_images(batch.source))
            target = self.target_features(self.predictor.training_images(batch.target))
        on_source, on_target = self.discriminator(source.float()), self.discriminator(target.float())
        right = torch.cat([on_source > 0, on_target < 0]).float().mean()
        return {
            "source": non_saturating(on_source, real=True),
            "target": non_saturating(on_target, real=False),
            "accuracy": right,
        }

    def target_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 8: the target encoder minimises the loss with inverted labels."""
        features = self.target_features(self.predictor.training_images(batch.target))
        return {"adversarial": non_saturating(self.discriminator(features.float()), real=True)}

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor.task.decode(self.predictor.head(self.target_features(images)).float())

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        accuracy = means.get("discriminator/accuracy")
        if accuracy is not None and accuracy > 0.99:
            return [
                f"The features are not adapted: the discriminator is right on {accuracy:.1%} of images; raise "
                "--adversarial-lr or lower --width."
            ]
        return []


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [ADDA]
