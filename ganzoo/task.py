"""What labels mean: how a network's output is compared with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class Task(ABC):
    """The meaning of a label. A method that learns labels never asks which task it has.

    A network puts out `output_size` numbers; `decode` turns them into a prediction that has
    the form of a label, one row per image.
    """

    label_size: int  # columns of a label
    output_size: int  # numbers that a network puts out
    unit: str  # of `error`

    @abstractmethod
    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """The mean training loss of raw outputs [N, output_size] for labels [N, label_size]."""

    @abstractmethod
    def decode(self, output: Tensor) -> Tensor:
        """Raw outputs [N, output_size] as predictions [N, label_size]."""

    @abstractmethod
    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        """The error of each prediction [N, label_size], in `unit`: a tensor [N]."""

    @abstractmethod
    def problem(self, labels: np.ndarray) -> str | None:
        """What makes `labels` [N, label_size] impossible, in words; None where nothing does."""


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
class GazeTask(Task):
    """Gaze as pitch and yaw in radians. Networks put out a direction; its length is ignored."""

    label_size: int = 2
    output_size: int = 3
    unit: str = "deg"

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Mean Euclidean distance from the unit gaze vector (Shrivastava et al. 2017, section 3.1.3)."""
        return (output - gaze_vector(label)).norm(dim=-1).mean()

    def decode(self, output: Tensor) -> Tensor:
        return gaze_pitch_yaw(output)

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        return angle_deg(gaze_vector(prediction), gaze_vector(label))

    def problem(self, labels: np.ndarray) -> str | None:
        if not np.isfinite(labels).all():
            return f"{int((~np.isfinite(labels)).any(1).sum())} gaze labels are not finite"
        for axis, (name, most, limit) in enumerate((("pitch", np.pi / 2, "pi / 2"), ("yaw", np.pi, "pi"))):
            largest = np.abs(labels[:, axis]).max(initial=0)
            if largest > most + 1e-6:  # which rounding may add
                return f"a gaze {name} of {largest:.4g} exceeds {limit}; labels must be in radians, not degrees"
        return None


@dataclass(frozen=True)
class ClassTask(Task):
    """One of `classes` classes, as an integer from 0."""

    classes: int
    label_size: int = 1
    unit: str = "error rate"

    @property
    def output_size(self) -> int:  # type: ignore[override]
        return self.classes

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(output, label[:, 0].long())

    def decode(self, output: Tensor) -> Tensor:
        return output.argmax(1, keepdim=True).float()

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        return (prediction[:, 0].round() != label[:, 0].round()).float()

    def problem(self, labels: np.ndarray) -> str | None:
        if not np.isin(labels, np.arange(self.classes)).all():
            return f"class labels must be integers from 0 to {self.classes - 1}"
        return None
