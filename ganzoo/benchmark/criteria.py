"""criteria.json of a bench: for each cell that predicts labels, its criteria and its true error.

The predictions are made from the checkpoints of finished cells, so that they exist for any bench whose run folders do.
Values of cells whose folders are gone stay in the file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.results import Results
from ganzoo.errors import ConfigError, CriterionUnavailableError, GanzooError
from ganzoo.evaluation.evaluate import EvaluationObserver
from ganzoo.runs.run_folder import RunFolder
from ganzoo.selection.contenders import (
    Contender,
    SharedDatasets,
    mean_error,
    source_error,
    spread,
)
from ganzoo.selection.gates import Health, set_aside
from ganzoo.selection.network import PredictingNetwork
from ganzoo.selection.predictions import predictions_of
from ganzoo.selection.readings import Entries, Entry, chosen_criteria, read_all

FILE = "criteria.json"
Doing = Callable[[str], None]


class CellCriteria(BaseModel):
    """What is known of one cell."""

    model_config = ConfigDict(strict=True, frozen=True)
    label: str
    family: str
    seed: int
    oracle: bool
    predictions: str  # key of the predictions that it was read from
    source_error: float | None = None
    spread: float | None = None
    error: float | None = None  # on the target's test, which no criterion sees; None without its labels
    readings: dict[str, Entry] = {}

    @property
    def health(self) -> Health | None:
        if self.source_error is None or self.spread is None:
            return None
        return Health(self.family, self.source_error, self.spread)


class DatasetCriteria(BaseModel):
    """The cells of one dataset."""

    model_config = ConfigDict(strict=True, frozen=True)
    task: str
    unit: str
    cells: dict[str, CellCriteria]
    ensemble_error: float | None = None  # of the average of all cells that may be chosen
    ensemble_networks: int = 0

    def candidates(self) -> dict[str, CellCriteria]:
        """The cells among which one may be chosen: neither oracles nor set aside."""
        aside = self.set_aside()
        return {name: cell for name, cell in self.cells.items() if not cell.oracle and name not in aside}

    def set_aside(self) -> dict[str, str]:
        """The reason for each cell that the gates hold back."""
        known = {name: health for name, cell in self.cells.items() if not cell.oracle and (health := cell.health)}
        return set_aside(known)


class CriteriaFile(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)
    format: int = 1
    datasets: dict[str, DatasetCriteria] = {}


@dataclass(frozen=True)
class Cells:
    """The cells of one dataset whose runs are there and predict."""

    contenders: Mapping[str, Contender]  # by the id of the cell
    records: Mapping[str, FinishedRecord]


def read_criteria(folder: Path) -> CriteriaFile:
    """The file of a bench; empty if there is none. Raises ConfigError if it is damaged."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return CriteriaFile()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({error}); delete it to have it made again") from error
    try:
        return CriteriaFile.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(f"{file} is damaged; delete it to have it made again") from error


def cells_that_predict(folder: Path, results: Results, doing: Doing) -> dict[str, Cells]:
    """The finished cells with a run folder and predictions, by dataset."""
    shared = SharedDatasets()
    watcher = _Watcher(doing)
    found: dict[str, tuple[dict[str, Contender], dict[str, FinishedRecord]]] = {}
    for name, record in sorted(results.finished.items()):
        run = folder / "cells" / Path(name).name / "run"
        if not (run / "run.toml").is_file():
            continue
        try:
            network = PredictingNetwork(RunFolder(run), shared, watcher)
            contender = Contender(name, record.method, record.seed, record.oracle, network, predictions_of(network))
        except CriterionUnavailableError:  # nothing predicts
            continue
        except GanzooError as error:
            doing(f"no criteria for {name}: {error}")
            continue
        network.release()  # a bench may have hundreds
        contenders, records = found.setdefault(record.dataset, ({}, {}))
        contenders[name], records[name] = contender, record
    return {label: Cells(*pair) for label, pair in found.items()}


def update_criteria(folder: Path, cells: Mapping[str, Cells], names: Sequence[str], doing: Doing) -> CriteriaFile:
    """Compute what is missing, write the file, and return its contents."""
    try:
        old = read_criteria(folder)
    except ConfigError:  # made again
        old = CriteriaFile()
    datasets = dict(old.datasets)
    for label, found in cells.items():
        datasets[label] = _dataset(_on_the_same_data(found, doing), names, old.datasets.get(label), doing)
    new = CriteriaFile(datasets=datasets)
    if new != old:
        RunFolder(folder).replace(folder / FILE, json.dumps(new.model_dump(mode="json"), indent=1) + "\n")
    return new


def _on_the_same_data(cells: Cells, doing: Doing) -> Cells:
    """The cells with the most common task and data; the others are told."""
    kinds: dict[str, list[str]] = {}
    for name, each in cells.contenders.items():
        kinds.setdefault(repr((each.task, sorted(each.predictions.data.items()))), []).append(name)
    most = max(kinds.values(), key=len)
    for name in cells.contenders:
        if name not in most:
            doing(f"no criteria for {name}: it has other data than most cells of the dataset")
    return Cells({name: cells.contenders[name] for name in most}, {name: cells.records[name] for name in most})


def _dataset(cells: Cells, names: Sequence[str], old: DatasetCriteria | None, doing: Doing) -> DatasetCriteria:
    contenders = list(cells.contenders.values())
    before = dict(old.cells) if old else {}
    made = {each.name: _cell(each, cells.records[each.name], before) for each in contenders}
    task = contenders[0].task
    found = DatasetCriteria(task=task.name, unit=task.unit, cells={**before, **made})
    chosen = found.candidates()
    known: dict[str, Entries] = {name: cell.readings for name, cell in before.items()}
    readings = read_all(contenders, chosen_criteria(names), known, compared=set(chosen), doing=doing)
    read = {
        name: cell.model_copy(update={"readings": {**cell.readings, **readings[name]}}) for name, cell in made.items()
    }
    return found.model_copy(update={"cells": {**before, **read}, **_ensemble(cells, found, old)})


def _ensemble(cells: Cells, found: DatasetCriteria, old: DatasetCriteria | None) -> dict[str, Any]:
    """The error of the average of all candidates; what the file said before if some of their runs are gone."""
    names = found.candidates()
    chosen = [cells.contenders[name] for name in names if name in cells.contenders]
    if len(chosen) < len(names) and old is not None:
        return {"ensemble_error": old.ensemble_error, "ensemble_networks": old.ensemble_networks}
    if len(chosen) < 2 or any(found.cells[each.name].error is None for each in chosen):
        return {}
    task = chosen[0].task
    average = task.average(torch.from_numpy(np.stack([each.predictions.of["target_test"] for each in chosen])))
    labels = _test_labels(chosen[0])
    assert labels is not None  # the cells have errors
    return {"ensemble_error": mean_error(task, average.numpy(), labels), "ensemble_networks": len(chosen)}


def _cell(contender: Contender, record: FinishedRecord, before: Mapping[str, CellCriteria]) -> CellCriteria:
    """The cell with its errors, and the readings that it had."""
    key = contender.predictions.key
    old = before.get(contender.name)
    if old is not None and old.predictions == key:
        return old
    of = contender.predictions.of
    labels = _test_labels(contender) if "target_test" in of else None
    made = CellCriteria(
        label=record.label,
        family=record.method,
        seed=record.seed,
        oracle=record.oracle,
        predictions=key,
        source_error=source_error(contender) if "source_test" in of else None,
        spread=spread(contender) if "target" in of else None,
        error=None if labels is None else mean_error(contender.task, of["target_test"], labels),
    )
    contender.network.release()
    return made


def _test_labels(contender: Contender) -> np.ndarray | None:
    """The labels of the target's test: for the true error, beside the criteria and never in them."""
    labels = contender.network.data.sampled("target_test").labels
    return None if labels is None else np.asarray(labels)


class _Watcher(EvaluationObserver):
    def __init__(self, say: Doing) -> None:
        self.say = say

    def doing(self, what: str) -> None:
        self.say(what)
