"""`consensus-distance`: how far a run's predictions are from the median of the other methods'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, OtherRun, Reading
from ganzoo.errors import CriterionUnavailableError
from ganzoo.task import Task
from ganzoo_criteria.measures import NoSettings, mean_error

ganzoo_contract = 2
LEAST_FAMILIES = 2


class ConsensusDistance(Criterion):
    """The idea of proxy risk (Chuang et al. 2020): networks that err differently agree where they are right.

    Every family has one vote, the average of its runs, so that a method with many seeds counts once. A bias that all
    share is invisible, and networks that adapt little agree with each other.
    """

    name = "consensus-distance"
    summary = "Distance of the predictions for the target from the median of other methods' predictions."
    better = "lower"
    compares = True
    Config = NoSettings

    def read(self, candidate: Candidate) -> Reading:
        families: dict[str, list[np.ndarray]] = {}
        for run in sorted(candidate.others, key=_order):
            if run.family != candidate.family:
                families.setdefault(run.family, []).append(run.target_predictions)
        if len(families) < LEAST_FAMILIES:
            raise CriterionUnavailableError(
                f"a consensus needs runs of {LEAST_FAMILIES} other methods than {candidate.family}, and there are "
                f"{len(families)}"
            )
        distance = mean_error(candidate.task, candidate.target_predictions, consensus(candidate.task, families))
        return Reading(distance, candidate.task.unit, {"families": len(families)})


def consensus(task: Task, families: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """The median, in the space of vectors, of the average prediction of each family: [N, label_size]."""
    averages = [task.average(torch.from_numpy(np.stack(runs))) for runs in families.values()]
    middle = np.median(np.stack([task.vectors(each).numpy() for each in averages]), axis=0)
    found: np.ndarray = task.of_vectors(torch.from_numpy(middle)).numpy()
    return found


def _order(run: OtherRun) -> tuple[str, str]:
    return run.family, run.name


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [ConsensusDistance]
