"""What several criteria share: errors, spread and class shares of predictions."""

from __future__ import annotations

import numpy as np
import torch

from ganzoo.criterion import Candidate
from ganzoo.errors import CriterionUnavailableError
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, Task

LEAST_CLASSES = 0.5  # of the effective number of classes of the source


class NoSettings(Settings):
    """No settings."""


def vectors(task: Task, predictions: np.ndarray) -> np.ndarray:
    """Predictions [N, label_size] as float64 vectors [N, D] of which means make sense."""
    made: np.ndarray = task.vectors(torch.from_numpy(np.array(predictions, np.float32))).numpy()
    return made


def mean_error(task: Task, predictions: np.ndarray, others: np.ndarray) -> float:
    """The mean error of predictions [N, label_size] against others, in the task's unit."""
    given = (torch.from_numpy(np.array(each, np.float64)) for each in (predictions, others))
    return float(task.error(*given).double().mean())


def center(task: Task, predictions: np.ndarray) -> np.ndarray:
    """The mean of N predictions as one prediction [1, label_size], float64."""
    mean = torch.from_numpy(vectors(task, predictions).mean(0, keepdims=True))
    found: np.ndarray = task.of_vectors(mean).double().numpy()
    return found


def spread(task: Task, predictions: np.ndarray) -> float:
    """The mean error of predictions against their own mean: 0 for a constant."""
    return mean_error(task, predictions, np.broadcast_to(center(task, predictions), predictions.shape))


def effective_classes(shares: np.ndarray) -> float:
    """The exponential of the entropy of shares [C] that sum to 1: C if all are equal, 1 if one class has all."""
    known = shares[shares > 0]
    return float(np.exp(-(known * np.log(known)).sum()))


def class_shares(task: Task, classes: np.ndarray) -> np.ndarray:
    """The share of each class [C] among classes [N, 1]."""
    return vectors(task, classes).mean(0)


def class_probabilities(candidate: Candidate) -> np.ndarray:
    """The softmax [M, C] of the network's outputs for the target.

    Raises CriterionUnavailableError for a collapsed network: it answers with less than half as many classes, counted by
    the entropy of their shares, as the source has. Criteria of confidence call such a network perfect.
    """
    assert isinstance(candidate.task, ClassTask)
    outputs = torch.from_numpy(candidate.outputs(candidate.target_images).outputs).double()
    probabilities: np.ndarray = outputs.softmax(1).numpy()
    answered = effective_classes(class_shares(candidate.task, candidate.target_predictions))
    known = effective_classes(class_shares(candidate.task, candidate.training_labels))
    if answered < LEAST_CLASSES * known:
        raise CriterionUnavailableError(
            f"the predictions have collapsed: they use {answered:.1f} classes where the source has {known:.1f}"
        )
    return probabilities
