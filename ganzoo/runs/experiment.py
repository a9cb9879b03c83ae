"""One run from settings to scores: what `ganzoo run` does, without its display."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganzoo.batch import DataSpec
from ganzoo.configuration.layers import build_config, did_you_mean, path_settings
from ganzoo.configuration.toml import as_table
from ganzoo.dataset import Dataset
from ganzoo.discovery.registry import registry
from ganzoo.errors import (
    CheckpointError,
    CollapseError,
    ConfigError,
    DivergenceError,
    NotEnoughMemoryError,
    UnknownNameError,
)
from ganzoo.evaluation.evaluate import EvaluateConfig, EvaluationObserver, TrainedEvaluation, evaluate, settings_hash
from ganzoo.files.output import check_writable
from ganzoo.method import Method
from ganzoo.metric import Metric, Score
from ganzoo.runs.first_weights import first_weights
from ganzoo.runs.origin import check_data, check_plugins, found_again, load_plugins, new_origin, origin_of
from ganzoo.runs.run_folder import RunFolder
from ganzoo.runs.staging import originals
from ganzoo.runs.suitability import check_suitable
from ganzoo.runs.tracking import TrackedTraining, Tracking
from ganzoo.settings import Settings
from ganzoo.system import dist, out_of_memory
from ganzoo.system.determinism import deterministic
from ganzoo.system.environment import environment
from ganzoo.system.lock import locked
from ganzoo.system.paths import absolute
from ganzoo.training import checkpoint, signals
from ganzoo.training.build import build_method, check_trainable
from ganzoo.training.config import WHEN_TO_STOP, TrainConfig
from ganzoo.training.devices import Hardware
from ganzoo.training.loop import train
from ganzoo.training.observer import ForwardingObserver, TrainingObserver

Layers = Mapping[str, Mapping[str, Any]]  # layer -> table -> settings, such as {"options": {"train": {"steps": 10}}}


@dataclass(frozen=True)
class Plan:
    """All settings of a run, resolved."""

    method: type[Method]
    dataset: type[Dataset]
    preset: str
    method_config: Settings
    dataset_config: Settings
    train: TrainConfig
    evaluate: EvaluateConfig
    metric_configs: Mapping[str, Settings]
    giver: Path | None = None  # the run whose weights are the first ones
    read_from: Settings | None = None  # the dataset's settings with the paths of copies (`ganzoo.runs.staging`)

    def open_dataset(self) -> Dataset:
        """The dataset. Nothing is read yet."""
        return self.dataset(self.read_from or self.dataset_config)

    def tables(self) -> dict[str, Any]:
        """The settings as in run.toml."""
        giver = {} if self.giver is None else {"from": str(self.giver)}
        return {
            "run": {"method": self.method.name, "dataset": self.dataset.name, "preset": self.preset, **giver},
            "method": as_table(self.method_config),
            "dataset": as_table(self.dataset_config),
            "train": as_table(self.train),
            "evaluate": as_table(self.evaluate),
            "metric": {name: as_table(config) for name, config in self.metric_configs.items()},
        }

    def default_folder(self) -> Path:
        """A folder that is the same for the same training, so that the same command resumes."""
        training = {key: self.tables()[key] for key in ("run", "method", "dataset", "train")}
        training["train"] = {key: value for key, value in training["train"].items() if key not in WHEN_TO_STOP}
        return Path("runs") / f"{self.method.name}-{self.dataset.name}-{settings_hash(training)}"


def make_plan(
    method_name: str, dataset_name: str, preset: str | None, layers: Layers, giver: str | Path | None = None
) -> Plan:
    """Resolve defaults < preset < `layers` in order. Raises ConfigError or UnknownNameError."""
    method: type[Method] = registry().get("methods", method_name)
    dataset: type[Dataset] = registry().get("datasets", dataset_name)
    if preset is not None and preset not in method.presets:
        raise UnknownNameError(f"{method.name} has no preset {preset!r}{did_you_mean(preset, method.presets)}")
    preset = preset or "default"
    layers = {f"preset {preset}": method.presets.get(preset, {}), **layers}

    def resolve(config: type[Settings], table: str) -> Any:
        picked = {layer: tables.get(table, {}) for layer, tables in layers.items()}
        return build_config(
            config, {f"{layer} [{table}]" if layer != "options" else layer: v for layer, v in picked.items()}
        )

    def resolve_metric(name: str, config: type[Settings]) -> Settings:
        picked = {layer: _table(tables, "metric", layer).get(name, {}) for layer, tables in layers.items()}
        renamed = {f"{layer} [metric.{name}]" if layer != "options" else layer: v for layer, v in picked.items()}
        try:
            return build_config(config, renamed)
        except ConfigError as error:
            raise ConfigError(f"metric {name}: {error}") from error

    evaluate_config: EvaluateConfig = resolve(EvaluateConfig, "evaluate")
    metrics = registry().found["metrics"].items()
    usual = [name for name, metric in metrics if metric.by_default or name in dataset.metrics]
    names = evaluate_config.metrics or tuple(usual)
    names = () if names == ("none",) else names
    return Plan(
        method,
        dataset,
        preset,
        resolve(method.Config, "method"),
        resolve(dataset.Config, "dataset"),
        resolve(TrainConfig, "train"),
        evaluate_config,
        {name: resolve_metric(name, registry().get("metrics", name).Config) for name in names},
        None if giver is None else absolute(giver),
    )


def _table(tables: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = tables.get(name, {})
    if not isinstance(found, Mapping):
        raise ConfigError(f"{where}: {name} must be a table of settings")
    return found


def plan_of_run(folder: RunFolder, layers: Layers | None = None) -> Plan:
    """The plan of a run that was made before, with `layers` on top; the plugin files that it was given are loaded."""
    tables = folder.settings()
    run = tables.get("run")
    if not isinstance(run, dict) or not all(isinstance(run.get(k), str) for k in ("method", "dataset", "preset")):
        raise ConfigError(f"{folder.settings_file} is not the run.toml of a run: its [run] table is incomplete")
    chosen = {key: tables.get(key, {}) for key in ("method", "dataset", "train", "evaluate", "metric")}
    preset = None if run["preset"] == "default" else run["preset"]
    origin = origin_of(folder)
    missing = load_plugins(origin, folder.path)
    try:
        dataset: type[Dataset] = registry().get("datasets", run["dataset"])
        if isinstance(chosen["dataset"], dict):
            chosen["dataset"] = found_again(chosen["dataset"], dataset, origin, folder)
        layers = {str(folder.settings_file): chosen, **(layers or {})}
        return make_plan(run["method"], run["dataset"], preset, layers, run.get("from"))
    except UnknownNameError as error:
        hint = missing or "if the run had it from a file"
        raise UnknownNameError(f"{error}; {hint}: name the file with --plugin FILE") from error


def load_trained(folder: RunFolder, plan: Plan, device: torch.device) -> tuple[Method, int]:
    """The run's method with the weights of its newest checkpoint, and that checkpoint's step. Needs no data."""
    newest = checkpoint.latest(folder.path)
    if newest is None:
        raise CheckpointError(f"{folder.path} has no whole checkpoint yet; run it first, or resume it")
    spec = DataSpec.from_table(folder.settings().get("data", {})) or plan.dataset(plan.dataset_config).spec()
    method = build_method(plan.method, plan.method_config, spec, seed=plan.train.seed, device=device)
    return method.eval(), checkpoint.load(newest, method)


class _Recorder(ForwardingObserver):
    """Writes what happens into the run folder, and passes it on."""

    def __init__(self, folder: RunFolder, images_per_batch: int, tracking: Tracking, inner: TrainingObserver) -> None:
        self.folder, self.images_per_batch, self.tracking = folder, images_per_batch, tracking
        super().__init__(TrackedTraining(tracking, folder, inner))

    def started(self, first: int, steps: int) -> None:
        self.folder.rewind(first)
        seconds, self.images = self.folder.spent()
        self.began = time.perf_counter() - seconds
        self.inner.started(first, steps)

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        self.images += batches * self.images_per_batch
        self.inner.stepped(step, phases, batches)

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        self.folder.log(
            self.folder.log_file, {"step": step, **means, **({"warnings": list(warnings)} if warnings else {})}
        )
        self._spent(step)
        self.inner.logged(step, means, warnings)

    def saving_on_request(self, step: int) -> None:
        self._spent(step)  # a resumed run counts on from here, not from the last line of the log
        self.inner.saving_on_request(step)

    def _spent(self, step: int) -> None:
        seconds = round(time.perf_counter() - self.began - self.tracking.seconds, 3)
        self.folder.log(self.folder.timing_file, {"step": step, "images": self.images, "seconds": seconds})


class RunObserver(EvaluationObserver):
    """What a run reports beyond an evaluation."""

    def training(self, plan: Plan, folder: RunFolder, method: Method, dataset: Dataset) -> TrainingObserver:
        """Training starts or is resumed; the loop reports to the observer returned here."""
        return TrainingObserver()


def run(
    plan: Plan, folder: RunFolder, stage: RunObserver | None = None, tracking: Tracking | None = None
) -> list[Score]:
    """Train, evaluate and write the run folder, resuming an earlier attempt."""
    stage, tracking = stage or RunObserver(), tracking or Tracking(())
    hardware = Hardware.resolve(plan.train.device, plan.train.precision)
    with signals.heard(), ExitStack() as held, tracking.closing():
        method, dataset, first_process = _train(plan, folder, stage, hardware, held, tracking)
        scores: list[Score] = []
        if first_process:
            scores, facts = measure(plan, folder, method, dataset, hardware, stage)
            folder.write_scores(scores, facts)
        tracking.scores(plan.train.steps, scores)
    return scores


def _train(
    plan: Plan, folder: RunFolder, stage: RunObserver, hardware: Hardware, held: ExitStack, tracking: Tracking
) -> tuple[Method, Dataset, bool]:
    """The trained method, its data, and whether this is the first process, which then holds the folder."""
    device = hardware.device
    with dist.process_group(device):
        first_process = dist.rank() == 0
        check_trainable(
            plan.method, plan.method_config, plan.train, device
        )  # before any work, and before there is a folder
        dataset = plan.open_dataset()
        weights = first_weights(plan.giver, plan.method, folder)
        free = check_settings(plan, folder)
        resumed = folder.settings_file.exists()
        if resumed:
            check_data(folder, dataset, plan.dataset_config)
            check_plugins(origin_of(folder), folder.path)
        if first_process:
            check_writable(folder.path)
        spec = dataset.spec()
        check_suitable(plan.method, plan.method_config, spec, dataset.name)
        method = build_method(plan.method, plan.method_config, spec, seed=plan.train.seed, device=device)
        if weights is not None:
            weights.load(method)
        dist.barrier()
        if first_process:
            made_with = environment(device, hardware.precision)
            origin = {} if resumed else as_table(new_origin(folder, dataset, weights.noted if weights else None))
            tables = {**plan.tables(), "data": spec.as_table(), "environment": made_with, "origin": origin}
            folder.open(tables, free)
            held.enter_context(locked(folder.path))
            folder.begin()
        dist.barrier()
        observer = stage.training(plan, folder, method, dataset) if first_process else TrainingObserver()
        if first_process:
            observer = _Recorder(folder, plan.train.batch_size * dist.world(), tracking, observer)
        try:
            source, target = dataset.source(), dataset.target()
            train(method, source, target, plan.train, folder.path, observer, paired=spec.paired, hardware=hardware)
        except (DivergenceError, CollapseError) as error:
            if first_process:
                folder.ended("diverged" if isinstance(error, DivergenceError) else "collapsed", str(error))
            raise
    return method, dataset, first_process


def check_settings(plan: Plan, folder: RunFolder) -> list[str]:
    """Raise ConfigError if the folder holds another run than the plan's, or other files.

    Returns the settings that may differ: paths, if the data are identified by their fingerprint (`check_data`).
    """
    known = folder.settings_file.exists() and origin_of(folder).data
    free = [f"dataset.{name}" for name in path_settings(plan.dataset.Config)] if known else []
    folder.check(plan.tables(), free)
    return free


def measure(
    plan: Plan,
    folder: RunFolder,
    method: Method,
    dataset: Dataset,
    hardware: Hardware,
    stage: EvaluationObserver,
    step: int | None = None,
) -> tuple[list[Score], dict[str, Any]]:
    """The scores of a method trained to `step`, by default the last one, and the other contents of metrics.json.

    `stage` receives the scores as soon as there are any.
    """
    data = TrainedEvaluation(
        method,
        dataset,
        seed=plan.train.seed,
        samples=plan.evaluate.samples,
        extractors=registry().found["extractors"],
        capabilities=registry().found["capabilities"],
        precision=plan.train.precision,
        device=hardware.device,
        watcher=stage,
    )
    metrics: list[Metric] = [registry().get("metrics", name)(config) for name, config in plan.metric_configs.items()]
    try:
        with deterministic(plan.train.deterministic):
            scores, seconds = evaluate(data, metrics)
    except Exception as error:
        if not out_of_memory.is_out_of_memory(error):
            raise
        raise NotEnoughMemoryError(
            f"there is not enough memory to measure {plan.method.name} with --samples {plan.evaluate.samples}; fewer "
            "may fit, and the trained weights are kept"
        ) from error
    training_seconds, images_drawn = folder.spent()
    facts = {
        "method": plan.method.name,
        "dataset": plan.dataset.name,
        "dataset_card": originals(dataset.card(), plan.dataset_config, plan.read_from or plan.dataset_config),
        "oracle": plan.method.is_oracle(plan.method_config),
        "step": plan.train.steps if step is None else step,
        "seed": plan.train.seed,
        "images_drawn": images_drawn,
        "training_seconds": training_seconds,
        "evaluation_seconds": seconds,
        **began_with(folder, plan),
        "parameters": sum(p.numel() for p in method.parameters()),
        "environment": environment(hardware.device, hardware.precision),
    }
    stage.measured(scores)
    return scores, facts


def began_with(folder: RunFolder, plan: Plan) -> dict[str, Any]:
    """The part of a run's history that belongs to its scores: its first weights, and the steps of earlier ends."""
    origin = origin_of(folder)
    weights = {} if origin.weights is None else {"from": {"run": str(plan.giver), **as_table(origin.weights)}}
    return {**weights, **({"ended_before_at": list(origin.ends)} if origin.ends else {})}
