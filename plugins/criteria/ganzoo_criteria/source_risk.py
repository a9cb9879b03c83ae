"""`source-risk`: the error on labelled source images."""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo_criteria.measures import NoSettings, mean_error

ganzoo_contract = 2


class SourceRisk(Criterion):
    """It ignores the gap between the domains, so it finds networks that have not learned, and cannot order the rest.

    Measured on held-out images if the dataset has them (`source_test`), else on those of the training.
    """

    name = "source-risk"
    summary = "Error on the labelled images of the source."
    better = "lower"
    Config = NoSettings

    def read(self, candidate: Candidate) -> Reading:
        risk = mean_error(candidate.task, candidate.source_predictions, candidate.source_labels)
        return Reading(risk, candidate.task.unit, {"images": len(candidate.source_labels)})


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [SourceRisk]
