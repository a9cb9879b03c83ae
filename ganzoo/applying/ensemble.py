"""Several trained runs as one method, which averages their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import UsageError
from ganzoo.method import Method, Phase
from ganzoo.settings import Settings


class NoSettings(Settings):
    """No settings."""


class Ensemble(Method):
    """Predicts the average of what its members predict, as their task defines it. It is never trained."""

    name, summary, paper, Config = "ensemble", "Averages the predictions of trained runs.", "", NoSettings

    def __init__(self, members: Mapping[Path, Method]) -> None:
        """Members by the folder of their run. Raises UsageError unless all predict the same from the same samples."""
        first, one = next(iter(members.items()))
        for run, other in members.items():
            if other.spec.task != one.spec.task:
                raise UsageError(
                    f"{run} predicts {_task(other)}, but {first} predicts {_task(one)}; an ensemble needs runs that "
                    "predict the same"
                )
            if other.spec.sample != one.spec.sample:
                raise UsageError(
                    f"{run} takes {other.spec.sample}, but {first} takes {one.spec.sample}; an ensemble needs runs "
                    "that take the same samples"
                )
        super().__init__(NoSettings(), one.spec)
        self.members = nn.ModuleList(members.values())

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def predict(self, images: Tensor) -> Tensor:
        """The average prediction for samples [N, ...], images in [-1, 1]: [N, task.label_size]."""
        members: Any = self.members
        made = torch.stack([each.predict(images).cpu() for each in members])  # averaged in double precision
        return self.spec.task.average(made).to(images.device)


def _task(method: Method) -> str:
    task = method.spec.task
    return " ".join([task.name, *(f"{key}={value}" for key, value in task.settings().items())])
