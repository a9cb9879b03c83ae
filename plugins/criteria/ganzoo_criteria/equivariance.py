"""`equivariance`: whether predictions follow what is done to the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.errors import CriterionUnavailableError
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask, Task
from ganzoo_criteria.measures import mean_error, spread

ganzoo_contract = 2
COLLAPSED = 1e-3  # of the spread of the source's labels


class EquivarianceConfig(Settings):
    """Settings of `equivariance`."""

    shift: int = Field(2, ge=0, description="Pixels by which images are shifted; 0: they are not shifted.")
    flip: bool = Field(True, description="Flip images of gaze: the yaw must change its sign.")


class Equivariance(Criterion):
    """The mean error between predictions for changed images and changed predictions, over the spread of predictions.

    A mirrored eye looks to the other side, and a crop displaced by two pixels shows the same. The division by the
    spread on the target is needed because a constant is perfectly equivariant.
    """

    name = "equivariance"
    summary = "Disagreement of predictions for flipped and shifted target images, relative to their spread."
    better = "lower"
    tasks: ClassVar[tuple[type[Task], ...]] = (GazeTask, ClassTask)
    Config = EquivarianceConfig

    def read(self, candidate: Candidate) -> Reading:
        images, task, predictions = candidate.target_images, candidate.task, candidate.target_predictions
        if images.ndim != 4:
            raise CriterionUnavailableError("only images can be flipped and shifted, and these data are vectors")
        width = spread(task, predictions)
        if width <= COLLAPSED * spread(task, candidate.training_labels):
            raise CriterionUnavailableError("the predictions have collapsed: they are the same for every target image")
        facts: dict[str, float] = {"spread": width}
        if self.config.flip and isinstance(task, GazeTask):
            mirrored = candidate.predict(np.ascontiguousarray(images[..., ::-1]))
            facts["flip"] = mean_error(task, mirrored, predictions * np.array([1, -1], np.float32))
        if self.config.shift:
            steps = [(0, self.config.shift), (0, -self.config.shift), (self.config.shift, 0), (-self.config.shift, 0)]
            seen = [candidate.predict(shifted(images, down, right)) for down, right in steps]
            facts["shift"] = float(np.mean([mean_error(task, each, predictions) for each in seen]))
        parts = [value for name, value in facts.items() if name != "spread"]
        if not parts:
            raise CriterionUnavailableError("neither flip nor shift is set for this task")
        return Reading(float(np.mean(parts)) / width, "", facts)


def shifted(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images [N, C, H, W] displaced by pixels; the border is repeated."""
    pad = max(abs(down), abs(right))
    height, width = images.shape[-2:]
    padded = np.pad(images, [(0, 0), (0, 0), (pad, pad), (pad, pad)], mode="edge")
    return np.ascontiguousarray(padded[..., pad - down : pad - down + height, pad - right : pad - right + width])


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [Equivariance]
