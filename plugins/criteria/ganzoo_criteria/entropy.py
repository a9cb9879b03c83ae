"""`entropy`: how sure a classifier is of its answers for the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.task import ClassTask, Task
from ganzoo_criteria.measures import NoSettings, class_probabilities, effective_classes

ganzoo_contract = 2


class Entropy(Criterion):
    """The mean entropy of the class probabilities, in nats (Morerio et al. 2018). A collapsed classifier is refused."""

    name = "entropy"
    summary = "Mean entropy of the class probabilities for the target; says nothing of collapsed classifiers."
    better = "lower"
    tasks: ClassVar[tuple[type[Task], ...]] = (ClassTask,)
    Config = NoSettings

    def read(self, candidate: Candidate) -> Reading:
        probabilities = class_probabilities(candidate)
        logs = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
        entropy = float(-(probabilities * logs).sum(1).mean())
        return Reading(entropy, "nats", {"effective_classes": effective_classes(probabilities.mean(0))})


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [Entropy]
