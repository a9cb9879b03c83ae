"""Networks that read labels from refined images, so that a refiner is told when it changes them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganzoo.batch import Batch, DataSpec
from ganzoo.nn.gradient_balance import GradientBalance
from ganzoo.nn.mmd import bandwidths, squared_mmd
from ganzoo.nn.predictor import Predictor, PredictorConfig

NOISE = 0.05  # of what they read, in the units of an image in [-1, 1]: a refiner cannot write to them in faint patterns
ALIGNMENT = 0.3  # as in the method ddc


class Judges(nn.Module):
    """Predictors with different first weights, each trained on the source's labels with features whose maximum mean
    discrepancy between source and target is small.

    A judge that was trained on the source alone can reward the cues by which it reads labels in renders. The alignment
    is there so that a judge also reads images that look like the target.
    """

    def __init__(self, count: int, spec: DataSpec) -> None:
        super().__init__()
        self.task = spec.task
        self.members = nn.ModuleList(
            Predictor(PredictorConfig(), spec.sample.shape, spec.task, batch_norm=True) for _ in range(count)
        )
        self.balances = nn.ModuleList(GradientBalance() for _ in range(count))

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """The loss of all judges together."""
        count, tasks, distances = len(batch), [], []
        for member, balance in zip(self.predictors(), self.balances, strict=True):
            images = member.training_images(torch.cat([batch.source, batch.target]))
            features = member.features(images).float()
            task = self.task.loss(member.head(features[:count]).float(), batch.source_label)
            distance = squared_mmd(features[:count], features[count:], bandwidths(features[:count], features[count:]))
            tasks.append(task)
            distances.append(ALIGNMENT * balance(task, distance, features) * distance)
        return {"task": torch.stack(tasks).sum(), "alignment": torch.stack(distances).sum()}

    def drift(self, refined: Tensor, source: Tensor) -> Tensor:
        """How far readings of refined images [N, C, H, W] are from those of the synthetic ones: 0-d, the mean of all
        judges."""
        noisy = refined + NOISE * torch.randn_like(refined)
        readings = []
        for member in self.predictors():
            with torch.no_grad():
                before = member.head(member.features(source)).float()
            readings.append(self.task.consistency(member.head(member.features(noisy)).float(), before))
        return torch.stack(readings).mean()

    def predictors(self) -> list[Predictor]:
        return [member for member in self.members if isinstance(member, Predictor)]
