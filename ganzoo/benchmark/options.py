"""The runs that `ganzoo choose` may choose from, of a bench or given one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganzoo.benchmark.criteria import CellCriteria, CriteriaFile, DatasetCriteria, Doing
from ganzoo.benchmark.criteria_table import judgements
from ganzoo.configuration.layers import did_you_mean
from ganzoo.errors import ConfigError, UnknownNameError, UsageError
from ganzoo.evaluation.evaluate import EvaluationObserver
from ganzoo.runs.run_folder import RunFolder
from ganzoo.selection.choice import Option
from ganzoo.selection.contenders import Contender, SharedDatasets, check_same_data, source_error, spread
from ganzoo.selection.evidence import Evidence
from ganzoo.selection.gates import Health, set_aside
from ganzoo.selection.network import PredictingNetwork
from ganzoo.selection.predictions import predictions_of
from ganzoo.selection.readings import chosen_criteria, read_all


@dataclass(frozen=True)
class Options:
    """Runs on the same data, by name, with what is known of them."""

    task: str
    options: dict[str, Option]
    paths: dict[str, Path]  # the run folder of each
    own_evidence: Evidence | None = None  # of the bench itself, if its target's test has labels
    left_out: list[str] = field(default_factory=list)  # runs that cannot be among the options, as sentences


def options_of_bench(folder: Path, file: CriteriaFile, dataset: str | None, criterion: str) -> Options:
    """The cells of one dataset of a bench. Raises UsageError if it has several and none is named."""
    known = {label: found for label, found in file.datasets.items() if found.cells}
    if not known:
        raise ConfigError(f"no cell of {folder} predicts labels, so there is nothing to choose by criteria")
    if dataset is not None and dataset not in known:
        raise UnknownNameError(f"{folder} has no dataset {dataset!r}{did_you_mean(dataset, known)}")
    if dataset is None and len(known) > 1:
        raise UsageError(f"{folder} has several datasets, {', '.join(known)}; name one with --dataset")
    label = dataset or next(iter(known))
    found = known[label]
    options, left_out = {}, []
    for name, cell in found.cells.items():
        if cell.oracle:
            left_out.append(f"{_shown(cell)} has seen target labels: it is an oracle")
        elif cell.health is None:
            left_out.append(f"{_shown(cell)} has no predictions for the source and the target")
        else:
            options[name] = Option(name, _shown(cell), cell.health, cell.readings.get(criterion))
    paths = {name: folder / "cells" / Path(name).name / "run" for name in options}
    own = evidence_of(found, criterion, f"{folder.name}, {label}")
    return Options(found.task, options, paths, own, left_out)


def options_of_runs(runs: Sequence[Path], criterion: str, doing: Doing) -> Options:
    """Run folders. Raises UsageError for a run that is named twice, that cannot predict, or that has other data."""
    paths = [run.resolve() for run in runs]
    for run, path in zip(runs, paths, strict=True):
        if paths.count(path) > 1:
            raise UsageError(f"{run} is named twice; name each run once")
    shared, watcher = SharedDatasets(), _Watcher(doing)
    contenders, left_out = [], []
    for run in runs:
        network = PredictingNetwork(RunFolder(run), shared, watcher)
        plan = network.plan
        if plan.method.is_oracle(plan.method_config):
            left_out.append(f"{run} has seen target labels: it is an oracle")
            continue
        predictions = predictions_of(network)
        contenders.append(Contender(str(run), plan.method.name, plan.train.seed, False, network, predictions))
    if not contenders:
        return Options("none", {}, {}, None, left_out)
    check_same_data(contenders)
    for domain in ("source_test", "target"):
        if domain not in contenders[0].predictions.of:
            raise ConfigError(f"{contenders[0].name}: its data have no {domain.split('_')[0]}, so no criterion applies")
    health = {each.name: Health(each.family, source_error(each), spread(each)) for each in contenders}
    compared = {*health} - {*set_aside(health)}
    readings = read_all(contenders, chosen_criteria([criterion]), {}, compared=compared, doing=doing)
    options = {
        each.name: Option(
            each.name, f"{each.name} ({each.family})", health[each.name], readings[each.name].get(criterion)
        )
        for each in contenders
    }
    paths_of = {each.name: Path(each.name) for each in contenders}
    return Options(contenders[0].task.name, options, paths_of, None, left_out)


def evidence_of(found: DatasetCriteria, criterion: str, bench: str) -> Evidence | None:
    """How right a criterion was on a dataset of a bench; None if true errors are unknown or there are too few runs."""
    for made in judgements(found):
        if made.criterion == criterion:
            return Evidence(
                criterion=criterion,
                task=found.task,
                bench=bench,
                runs=made.runs,
                families=made.families,
                unit=found.unit,
                spearman=made.spearman,
                low=made.low,
                high=made.high,
                chosen_error=made.chosen_error,
                best_error=made.best_error,
                mean_error=made.mean_error,
                ensemble_error=found.ensemble_error,
            )
    return None


def _shown(cell: CellCriteria) -> str:
    return f"{cell.label}, seed {cell.seed}"


class _Watcher(EvaluationObserver):
    def __init__(self, say: Doing) -> None:
        self.say = say

    def doing(self, what: str) -> None:
        self.say(what)
