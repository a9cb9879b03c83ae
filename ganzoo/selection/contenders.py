"""The runs among which one is chosen: their predictions, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ganzoo.criterion import Candidate, OtherRun
from ganzoo.dataset import Dataset
from ganzoo.errors import CriterionUnavailableError, UsageError
from ganzoo.metric import DomainName
from ganzoo.selection.network import PredictingNetwork
from ganzoo.selection.predictions import Predictions, rows_of
from ganzoo.task import Task

WORDS = {"source_test": "source images", "target": "target images"}


@dataclass(frozen=True)
class Contender:
    """A finished run of which a network predicts."""

    name: str  # unique: the id of a cell, or the path of a run
    family: str  # the name of its method
    seed: int
    oracle: bool
    network: PredictingNetwork = field(compare=False)
    predictions: Predictions = field(compare=False)

    @property
    def task(self) -> Task:
        return self.network.spec.task


class SharedDatasets:
    """Creates the dataset of a plan, once for all plans with the same data."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Dataset] = {}

    def __call__(self, plan: Any) -> Dataset:
        key = plan.dataset.name, plan.dataset_config.model_dump_json()
        if key not in self._known:
            self._known[key] = plan.dataset(plan.dataset_config)
        return self._known[key]


def check_same_data(contenders: Sequence[Contender]) -> None:
    """Raise UsageError unless all runs have one task and predict the same images."""
    first = contenders[0]
    for other in contenders[1:]:
        if other.task != first.task:
            raise UsageError(
                f"{other.name} predicts {_named(other.task)} and {first.name} {_named(first.task)}; give runs with the "
                "same task"
            )
        for domain, words in WORDS.items():
            if first.predictions.data.get(domain) != other.predictions.data.get(domain):
                raise UsageError(
                    f"{other.name} has other {words} than {first.name}; criteria compare runs on the same data: give "
                    "runs of one dataset with the same settings"
                )


def _named(task: Task) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in task.settings().items())
    return task.name + (f" ({settings})" if settings else "")


def candidate(contender: Contender, others: Iterable[Contender]) -> Candidate:
    """What a criterion may see of a run. Raises CriterionUnavailableError if the dataset has no source or no target."""
    network, of = contender.network, contender.predictions.of
    for domain, words in WORDS.items():
        if domain not in of:
            raise CriterionUnavailableError(f"the dataset {network.plan.dataset.name} has no {words}")
    held_out, target = _rows(network, "source_test"), _rows(network, "target")
    training = network.data.domain("source")
    if held_out.labels is None or training.labels is None:
        raise CriterionUnavailableError(f"the source images of {network.plan.dataset.name} have no labels")
    return Candidate(
        name=contender.name,
        family=contender.family,
        task=contender.task,
        training_labels=np.asarray(training.labels),
        source_images=held_out.samples,
        source_labels=np.asarray(held_out.labels),
        source_predictions=of["source_test"],
        target_images=target.samples,
        target_predictions=of["target"],
        others=tuple(OtherRun(each.name, each.family, each.predictions.of["target"]) for each in others),
        predict=network.predict,
        outputs=network.outputs,
    )


def _rows(network: PredictingNetwork, name: DomainName) -> Any:
    found = rows_of(network.data, name)
    assert found is not None  # its predictions exist
    return found


def source_error(contender: Contender) -> float:
    """The mean error on the source's rows, in the task's unit: what a gate looks at."""
    rows = _rows(contender.network, "source_test")
    return mean_error(contender.task, contender.predictions.of["source_test"], np.asarray(rows.labels))


def spread(contender: Contender) -> float:
    """The mean error of the predictions for the target against their own mean: 0 for a constant."""
    task, given = contender.task, torch.from_numpy(contender.predictions.of["target"])
    mean = task.of_vectors(task.vectors(given).mean(0, keepdim=True))
    return float(task.error(given.double(), mean.expand(len(given), -1)).double().mean())


def mean_error(task: Task, predictions: np.ndarray, labels: np.ndarray) -> float:
    """The mean error of predictions [N, label_size] for labels [N, label_size], in the task's unit."""
    given = (torch.from_numpy(np.array(each, np.float64)) for each in (predictions, labels))
    return float(task.error(*given).double().mean())
