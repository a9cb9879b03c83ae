"""`soft-neighbourhood-density`: whether a classifier's answers for the target form dense clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, Task
from ganzoo_criteria.measures import class_probabilities

ganzoo_contract = 2


class NeighbourhoodConfig(Settings):
    """Settings of `soft-neighbourhood-density`."""

    temperature: float = Field(0.05, gt=0, description="Temperature of the softmax over neighbours, as in the paper.")
    images: int = Field(2_048, ge=2, description="Maximum number of target images, evenly spaced.")


class SoftNeighbourhoodDensity(Criterion):
    """Saito et al. 2021, equations 1 to 3: the entropy of each image's distribution over its neighbours.

    It is highest, log(N - 1), for a network that answers all images alike; so collapsed classifiers are refused.
    """

    name = "soft-neighbourhood-density"
    summary = "Density of soft neighbourhoods of the class probabilities; says nothing of collapsed classifiers."
    better = "higher"
    tasks: ClassVar[tuple[type[Task], ...]] = (ClassTask,)
    Config = NeighbourhoodConfig

    def read(self, candidate: Candidate) -> Reading:
        probabilities = class_probabilities(candidate)
        rows = np.unique(np.linspace(0, len(probabilities) - 1, self.config.images).round().astype(int))
        return Reading(density(probabilities[rows], self.config.temperature), "nats", {"images": len(rows)})


def density(probabilities: np.ndarray, temperature: float) -> float:
    """The mean entropy of softmax(cosine / temperature) over the other rows of probabilities [N, C], in nats."""
    rows = probabilities / np.linalg.norm(probabilities, axis=1, keepdims=True)
    scores = rows @ rows.T / temperature
    np.fill_diagonal(scores, -np.inf)  # no image is its own neighbour
    scores -= scores.max(1, keepdims=True)
    weights = np.exp(scores)
    totals = weights.sum(1, keepdims=True)
    np.fill_diagonal(scores, 0.0)
    return float((np.log(totals[:, 0]) - (weights * scores).sum(1) / totals[:, 0]).mean())


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [SoftNeighbourhoodDensity]
