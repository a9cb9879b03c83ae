"""`ambiguity`: how far a run's predictions are from those of its own method's ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.errors import CriterionUnavailableError
from ganzoo.task import Task
from ganzoo_criteria.measures import NoSettings, vectors

ganzoo_contract = 2


class Ambiguity(Criterion):
    """Krogh and Vedelsby 1995: the squared error of an ensemble is the mean squared error of its members less their
    mean ambiguity, which needs no labels.

    The value is the run's own term, in squared vectors of the task (unit vectors for gaze); the fact `family_ambiguity`
    is the mean over all runs of the method, and says how much averaging them gains.
    """

    name = "ambiguity"
    summary = "Mean squared distance of the predictions for the target from the mean of the same method's runs."
    better = "lower"
    compares = True
    Config = NoSettings

    def read(self, candidate: Candidate) -> Reading:
        family = [run.target_predictions for run in candidate.others if run.family == candidate.family]
        if not family:
            raise CriterionUnavailableError(f"there is no other run of {candidate.family} to compare it with")
        terms = ambiguities(candidate.task, [candidate.target_predictions, *family])
        facts = {"family_ambiguity": float(terms.mean()), "runs": len(terms)}
        return Reading(float(terms[0]), "", facts)


def ambiguities(task: Task, predictions: Sequence[np.ndarray]) -> np.ndarray:
    """The mean squared distance [K] of each network's predictions, K times [N, label_size], from the mean of all."""
    made = np.stack([vectors(task, each) for each in predictions])
    distances: np.ndarray = ((made - np.sort(made, 0).mean(0)) ** 2).sum(-1).mean(1)
    return distances


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [Ambiguity]
