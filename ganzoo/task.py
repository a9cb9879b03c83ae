"""What labels mean: how a network's output is compared with them, and how images vary without changing them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.errors import PluginError
from ganzoo.nn.augmentation import augment

MOST_CLASSES = 2**16


class Task(ABC):
    """The meaning of a label. A method that learns labels never asks which task it has.

    A network outputs `output_size` numbers; `decode` turns them into a prediction that has
    the form of a label, one row per sample. A subclass is a frozen dataclass whose fields are
    numbers, words and tuples of them, so that a run can note its task in run.toml. A plugin
    adds one with the hook `ganzoo_tasks`.
    """

    name: ClassVar[str]  # lower case; written to run.toml
    summary: ClassVar[str]  # one sentence
    label_size: int  # columns of a label
    output_size: int  # numbers that a network outputs
    unit: str  # of `error`

    @classmethod
    def example(cls) -> Task:
        """One task of this kind, for the conformance kit. The default sets no fields; override it if some are
        required."""
        return cls()

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the columns of a label in a table such as labels.csv."""
        return ("label",) if self.label_size == 1 else tuple(f"label_{at + 1}" for at in range(self.label_size))

    def settings(self) -> Mapping[str, Any]:
        """The fields from which the same task can be rebuilt, in TOML's types."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}  # type: ignore[call-overload]

    @abstractmethod
    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """The mean training loss of raw outputs [N, output_size] for labels [N, label_size]."""

    @abstractmethod
    def decode(self, output: Tensor) -> Tensor:
        """Raw outputs [N, output_size] as predictions [N, label_size]."""

    def consistency(self, output: Tensor, other: Tensor) -> Tensor:
        """How far raw outputs [N, output_size] are from `other` raw outputs for the same samples, as a mean: 0-d.

        The default takes the decoded `other` for labels, so no gradient reaches it through a choice of class.
        """
        return self.loss(output, self.decode(other))

    def rotated(self, output: Tensor, angle: Tensor) -> Tensor | None:
        """The raw outputs [N, output_size] for images that are rotated by `angle` [N] (`ganzoo.nn.rotation`), if the
        ones given are right for the upright images; None if that is not known, as by default."""
        return None

    @abstractmethod
    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        """The error of each prediction [N, label_size], in `unit`: a tensor [N]."""

    @abstractmethod
    def problem(self, labels: np.ndarray) -> str | None:
        """Why `labels` [N, label_size] are invalid, in words; None if they are valid."""

    def augment(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] in [-1, 1], augmented so that their labels stay valid. The default changes nothing."""
        return images

    def vectors(self, prediction: Tensor) -> Tensor:
        """Predictions or labels [N, label_size] as vectors float64 [N, D], of which means and distances make sense.

        The default is the numbers themselves.
        """
        return prediction.double()

    def of_vectors(self, vectors: Tensor) -> Tensor:
        """Vectors [N, D], such as means of those of `vectors`, as predictions [N, label_size] in the same precision."""
        return vectors

    def average(self, predictions: Tensor) -> Tensor:
        """The predictions of K networks [K, N, label_size] as those of their ensemble [N, label_size], float32.

        It is the mean in the space of `vectors`, and the order of the networks does not change it, not even by
        rounding.
        """
        vectors = torch.stack([self.vectors(each) for each in predictions])
        return self.of_vectors(vectors.sort(0).values.mean(0)).float()


def gaze_vector(pitch_yaw: Tensor) -> Tensor:
    """Pitch and yaw in radians [..., 2] as unit vectors [..., 3]; camera x right, y down, z forward.

    A gaze of (0, 0) looks into the camera; up and image-left are positive (the MPIIGaze normalised convention).
    """
    pitch, yaw = pitch_yaw.unbind(-1)
    return torch.stack([-pitch.cos() * yaw.sin(), -pitch.sin(), -pitch.cos() * yaw.cos()], -1)


def gaze_pitch_yaw(vector: Tensor) -> Tensor:
    """Vectors [..., 3] of any length as pitch and yaw in radians [..., 2]: the inverse of `gaze_vector`."""
    x, y, z = F.normalize(vector, dim=-1).unbind(-1)
    return torch.stack([torch.asin((-y).clamp(-1, 1)), torch.atan2(-x, -z)], -1)


def angle_deg(a: Tensor, b: Tensor) -> Tensor:
    """The angle in degrees between vectors [..., 3]: zero between equal ones, and exact for small angles.

    Kahan's formula. An arc cosine loses small angles, and a cross product of equal vectors need not be zero.
    """
    a, b = a * b.norm(dim=-1, keepdim=True), b * a.norm(dim=-1, keepdim=True)
    return torch.rad2deg(2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)))


@dataclass(frozen=True)
class NoTask(Task):
    """There are no labels: the task of a set of images or points that is only to be generated or encoded."""

    name = "none"
    summary = "There are no labels."
    label_size = 0
    output_size = 0
    unit = ""

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        self._refuse()

    def decode(self, output: Tensor) -> Tensor:
        self._refuse()

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        self._refuse()

    def problem(self, labels: np.ndarray) -> str | None:
        return "these data have no task, so they cannot have labels"

    def augment(self, images: Tensor) -> Tensor:
        return augment(images)

    def vectors(self, prediction: Tensor) -> Tensor:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise PluginError("the data have no labels, so nothing can be predicted; use a dataset with a task")


@dataclass(frozen=True)
class GazeTask(Task):
    """Gaze as pitch and yaw in radians. Networks output a direction; its length is ignored."""

    name = "gaze"
    summary = "Gaze as pitch and yaw in radians; the error is an angle in degrees."
    label_size = 2
    output_size = 3
    unit = "deg"
    label_names = ("pitch", "yaw")

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Mean Euclidean distance from the unit gaze vector (Shrivastava et al. 2017, section 3.1.3)."""
        return (output - gaze_vector(label)).norm(dim=-1).mean()

    def decode(self, output: Tensor) -> Tensor:
        return gaze_pitch_yaw(output)

    def rotated(self, output: Tensor, angle: Tensor) -> Tensor:
        """A direction turns about the camera's axis with the image; its z stays."""
        x, y, z = output.unbind(-1)
        return torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos(), z], -1)

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        return angle_deg(gaze_vector(prediction), gaze_vector(label))

    def problem(self, labels: np.ndarray) -> str | None:
        if not np.isfinite(labels).all():
            return f"{int((~np.isfinite(labels)).any(1).sum())} gaze labels are not finite"
        for axis, (name, most, limit) in enumerate((("pitch", np.pi / 2, "pi / 2"), ("yaw", np.pi, "pi"))):
            largest = np.abs(labels[:, axis]).max(initial=0)
            if largest > most + 1e-6:  # tolerance for rounding
                return f"a gaze {name} of {largest:.4g} exceeds {limit}; labels must be in radians, not degrees"
        return None

    def augment(self, images: Tensor) -> Tensor:
        return augment(images)

    def vectors(self, prediction: Tensor) -> Tensor:
        """Unit gaze vectors [N, 3]."""
        return gaze_vector(prediction.double())

    def of_vectors(self, vectors: Tensor) -> Tensor:
        return gaze_pitch_yaw(vectors)


@dataclass(frozen=True)
class ClassTask(Task):
    """One of `classes` classes, as an integer from 0."""

    classes: int
    name = "class"
    summary = "One of several classes; the error is the share of wrong answers."
    label_size = 1
    unit = "error rate"
    label_names = ("class",)

    def __post_init__(self) -> None:
        if type(self.classes) is not int or not 0 < self.classes <= MOST_CLASSES:
            raise ValueError(f"{self.classes!r} is not a number of classes from 1 to {MOST_CLASSES:,}")

    @classmethod
    def example(cls) -> Task:
        return cls(3)

    @property
    def output_size(self) -> int:  # type: ignore[override]
        return self.classes

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(output, label[:, 0].long())

    def decode(self, output: Tensor) -> Tensor:
        return output.argmax(1, keepdim=True).float()

    def consistency(self, output: Tensor, other: Tensor) -> Tensor:
        """The squared difference of probabilities (French et al. 2018, section 3)."""
        return (output.softmax(1) - other.softmax(1)).square().mean()

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        return (prediction[:, 0].round() != label[:, 0].round()).float()

    def problem(self, labels: np.ndarray) -> str | None:
        if not np.isin(labels, np.arange(self.classes)).all():
            return f"class labels must be integers from 0 to {self.classes - 1}"
        return None

    def augment(self, images: Tensor) -> Tensor:
        return augment(images)

    def vectors(self, prediction: Tensor) -> Tensor:
        """One vote for a class [N, classes]."""
        return F.one_hot(prediction[:, 0].round().long(), self.classes).double()

    def of_vectors(self, vectors: Tensor) -> Tensor:
        """The class with the most votes; of equal ones, that with the lowest number."""
        return vectors.argmax(1, keepdim=True).to(vectors.dtype)


@dataclass(frozen=True)
class RegressionTask(Task):
    """`size` numbers in `unit`. Networks output standardised numbers: (label - mean) / scale.

    `mean` and `scale` have one number per column of a label; empty means 0 and 1. Choose them from the source or from
    what is known of the quantity, never from target labels.
    """

    size: int
    unit: str
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    name = "regression"
    summary = "Numbers of any dimension; the error is their Euclidean distance."

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 0 < self.size <= MOST_CLASSES:
            raise ValueError(f"{self.size!r} is not a number of columns from 1 to {MOST_CLASSES:,}")
        for what in ("mean", "scale"):
            object.__setattr__(self, what, tuple(float(number) for number in getattr(self, what)))
            if len(getattr(self, what)) not in (0, self.size):
                raise ValueError(f"{what} must hold {self.size} numbers or none, not {len(getattr(self, what))}")
        if not all(0 < number < float("inf") for number in self.scale):
            raise ValueError(f"scale must hold positive numbers, not {list(self.scale)}")

    @classmethod
    def example(cls) -> Task:
        return cls(2, "mm", (1.0, -20.0), (0.5, 30.0))

    @property
    def label_size(self) -> int:  # type: ignore[override]
        return self.size

    @property
    def output_size(self) -> int:  # type: ignore[override]
        return self.size

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """The mean absolute difference of standardised numbers."""
        standardised = [(label[:, at] - mean) / scale for at, (mean, scale) in enumerate(self._columns())]
        return F.l1_loss(output, torch.stack(standardised, 1))

    def decode(self, output: Tensor) -> Tensor:
        return torch.stack([output[:, at] * scale + mean for at, (mean, scale) in enumerate(self._columns())], 1)

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        return (prediction - label).norm(dim=-1)

    def problem(self, labels: np.ndarray) -> str | None:
        bad = int((~np.isfinite(labels)).any(1).sum())
        return f"{bad} labels are not finite" if bad else None

    def _columns(self) -> list[tuple[float, float]]:
        """Mean and scale of each column, as Python numbers: no tensor has to be copied to a GPU."""
        return list(zip(self.mean or (0.0,) * self.size, self.scale or (1.0,) * self.size, strict=True))


TASKS: dict[str, type[Task]] = {task.name: task for task in (NoTask, GazeTask, ClassTask, RegressionTask)}
"""By name. The registry adds the tasks of plugins when it loads them."""


@hookimpl
def ganzoo_tasks() -> Sequence[type[Task]]:
    return [NoTask, GazeTask, ClassTask, RegressionTask]
