"""`mean-label-distance`: how far the mean prediction for the target is from the mean label of the source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.task import ClassTask
from ganzoo_criteria.measures import NoSettings, center, class_shares, mean_error

ganzoo_contract = 2


class MeanLabelDistance(Criterion):
    """Right if source and target have the same mean label, as when the source is rendered in the target's range.

    For classes it is the total variation distance of the shares of the classes.
    """

    name = "mean-label-distance"
    summary = "Distance of the mean prediction for the target from the mean label of the source."
    better = "lower"
    Config = NoSettings

    def read(self, candidate: Candidate) -> Reading:
        task = candidate.task
        if isinstance(task, ClassTask):
            shares = [class_shares(task, each) for each in (candidate.target_predictions, candidate.training_labels)]
            return Reading(float(np.abs(shares[0] - shares[1]).sum() / 2))
        mean, label = (center(task, each) for each in (candidate.target_predictions, candidate.training_labels))
        return Reading(mean_error(task, mean, label), task.unit)


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [MeanLabelDistance]
