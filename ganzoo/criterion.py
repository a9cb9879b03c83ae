"""The contract of a criterion: a number by which runs are chosen when the target has no labels.

What a criterion sees has no place for a label of the target, so none can reach it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from ganzoo.settings import Settings
from ganzoo.task import Task


@dataclass(frozen=True)
class Outputs:
    """What a network computes for N images before its prediction."""

    outputs: np.ndarray  # float32 [N, task.output_size]: what `Task.decode` turns into predictions
    features: np.ndarray  # float32 [N, D]: the last features, from which the head reads the outputs


@dataclass(frozen=True)
class OtherRun:
    """Another run on the same data."""

    name: str
    family: str  # its method: runs of one family agree with each other for reasons other than being right
    target_predictions: np.ndarray  # float32 [M, task.label_size], for the rows of `Candidate.target_images`


@dataclass(frozen=True)
class Candidate:
    """A finished run as a criterion sees it: the source with its labels, the target without.

    Predictions and labels have the form that the task defines, such as pitch and yaw in radians. Those of a refiner are
    of the network that learned from its images. Images are uint8 [N, C, H, W]; samples that are vectors float32 [N, D].
    """

    name: str
    family: str  # the name of its method
    task: Task
    training_labels: np.ndarray  # float32 [T, label_size], of the source's training images
    source_images: np.ndarray  # [N, ...], held out if the dataset has such images, else those of the training
    source_labels: np.ndarray  # float32 [N, label_size]
    source_predictions: np.ndarray  # float32 [N, label_size]
    target_images: np.ndarray  # [M, ...], of the training
    target_predictions: np.ndarray  # float32 [M, label_size]
    others: Sequence[OtherRun]  # all other runs that it is compared with, those of its own family too
    predict: Callable[[np.ndarray], np.ndarray]
    """The network's predictions for images like `target_images`, of the same shape."""
    outputs: Callable[[np.ndarray], Outputs]
    """Its outputs for such images. Raises CriterionUnavailableError if the network cannot be looked into: it is not a
    `ganzoo.nn.predictor.Predictor`."""


@dataclass(frozen=True)
class Reading:
    """What a criterion says about a run."""

    value: float
    unit: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)  # what a reader should know, such as a sample size


class Criterion(ABC):
    """Orders runs by their expected error on the target, without any label of it.

    A value is a function of the candidate and the settings: what is drawn is seeded from a setting.
    """

    name: ClassVar[str]  # lower case
    summary: ClassVar[str]  # one sentence
    better: ClassVar[Literal["lower", "higher"]]
    tasks: ClassVar[tuple[type[Task], ...]] = ()  # tasks that it applies to; empty: all
    compares: ClassVar[bool] = False  # reads `Candidate.others`, so that its value depends on the other runs
    by_default: ClassVar[bool] = True  # False: computed only if it is named
    checked_at_most: ClassVar[Mapping[str, float]] = {}
    """Upper limits of settings that are only sizes, such as `{"steps": 5}`, to which the kit lowers them."""
    Config: ClassVar[type[Settings]]

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def read(self, candidate: Candidate) -> Reading:
        """The value for one run.

        Raises CriterionUnavailableError, with the reason, if it says nothing about this run: its predictions have
        collapsed, or too few images count.
        """
