"""Labels other than gaze that a user names, such as `iris_center` of an npz or a column of labels.csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import some
from ganzoo.task import MOST_CLASSES, ClassTask, RegressionTask, Task

Kind = Literal["number", "position", "class"]


@dataclass(frozen=True)
class ChosenLabel:
    """Which labels are read, and what they mean: numbers in `unit`, positions x, y in px (which move with the pixels of
    a resized image), or classes from 0."""

    name: str
    kind: Kind = "number"
    unit: str = ""

    def checked(self, values: np.ndarray, where: str, names: Sequence[str]) -> np.ndarray:
        """Labels float32 [N, k] of values [N] or [N, k], one row for each image of `names`.

        Raises DatasetError for values that are not finite numbers of the stated kind.
        """
        if values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or len(values) != len(names):
            raise DatasetError(
                f"{where}: {self.name} must be numbers [{len(names)}] or [{len(names)}, k], not "
                f"{values.dtype} {list(values.shape)}"
            )
        found = values.reshape(len(names), -1).astype(np.float64)
        columns = {"position": 2, "class": 1}.get(self.kind, found.shape[1])
        if found.shape[1] != columns:
            raise DatasetError(
                f"{where}: {self.name} has {found.shape[1]} numbers for each image, but --label-kind {self.kind} takes "
                f"{columns}"
            )
        bad = ~np.isfinite(found).all(1)
        if self.kind == "class":
            bad |= (found[:, 0] != found[:, 0].round()) | (found[:, 0] < 0) | (found[:, 0] >= MOST_CLASSES)
        if bad.any():
            what = "integers from 0" if self.kind == "class" else "finite numbers"
            rows = [names[int(row)] for row in np.flatnonzero(bad)]
            raise DatasetError(f"{where}: {self.name} must be {what}, which {len(rows):,} are not ({some(rows)})")
        return found.astype(np.float32)

    def task(self, source: np.ndarray) -> Task:
        """The task of labels like these of the source, float32 [N, k]: networks output numbers that are standardised by
        the source's mean and deviation; classes are as many as the source's labels reach to."""
        if self.kind == "class":
            return ClassTask(int(source.max()) + 1)
        mean, deviation = source.mean(0, dtype=np.float64), source.std(0, dtype=np.float64)
        scale = np.where(deviation > 0, deviation, 1.0)
        unit = "px" if self.kind == "position" else self.unit
        return RegressionTask(source.shape[1], unit, _rounded(mean), _rounded(scale))

    @property
    def keys(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the columns of a table that may hold it: one of its own name, or its x and y."""
        return (self.name,), (f"{self.name}_x", f"{self.name}_y")


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    """Six significant digits, so that a run's task reads well and is the same on every machine."""
    return tuple(float(f"{value:.6g}") for value in values)
