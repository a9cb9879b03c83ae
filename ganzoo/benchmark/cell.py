"""A cell: one method with all its settings, on one dataset, with one seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.benchmark.budget import UNITS, Budget
from ganzoo.benchmark.suite import DatasetEntry, MethodEntry, Suite
from ganzoo.engine import Resources
from ganzoo.errors import ConfigError, UnknownNameError
from ganzoo.evaluation.evaluate import settings_hash
from ganzoo.runs.experiment import Plan, make_plan
from ganzoo.training.config import WHEN_TO_STOP

UNIMPORTANT = ("seed", "device", "save_every", "log_every", *WHEN_TO_STOP)  # settings that do not make another row


@dataclass(frozen=True, eq=False)
class Cell:
    """The work of one process: it trains and measures one method."""

    label: str  # the row
    dataset: str  # the table
    seed: int
    budget: Budget
    role: str
    seed_settings: tuple[str, ...]  # names of metric settings that are set to the seed
    settings_hash: str  # of all settings except the seed
    plan: Plan
    resources: Resources = field(default_factory=Resources)  # what its process needs; no part of its identity

    @property
    def id(self) -> str:
        """Equal for equal settings and seeds. It is also the name of the cell's folder."""
        return f"{self.row_id}-seed{self.seed}"

    @property
    def row_id(self) -> str:
        """Equal for all seeds of the same settings."""
        words = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{self.label}-{self.dataset}").lstrip(".")[:100]
        return f"{words}-{self.settings_hash}"

    def facts(self) -> dict[str, Any]:
        """The keys and values that every record of this cell starts with."""
        return {
            "cell": self.id,
            "label": self.label,
            "dataset": self.dataset,
            "seed": self.seed,
            "method": self.plan.method.name,
            "preset": self.plan.preset,
            "role": self.role,
            "oracle": self.plan.method.is_oracle(self.plan.method_config),
            **{f"budget_{unit}": self.budget.amount if unit == self.budget.unit else None for unit in UNITS},
            "seed_settings": list(self.seed_settings),
            "settings_hash": self.settings_hash,
        }

    def tables(self) -> dict[str, Any]:
        """The cell as TOML tables: those that `ganzoo run --config` reads, and [cell] with the facts."""
        facts = {key: value for key, value in self.facts().items() if value is not None}
        return {"cell": facts, **self.plan.tables()}


def cell_of_tables(tables: Mapping[str, Any], where: Path) -> Cell:
    """The inverse of `Cell.tables`."""
    run, facts = tables["run"], tables["cell"]
    chosen = {key: tables.get(key, {}) for key in ("method", "dataset", "train", "evaluate", "metric")}
    preset = None if run["preset"] == "default" else run["preset"]
    plan = make_plan(run["method"], run["dataset"], preset, {str(where): chosen})
    return Cell(
        facts["label"],
        facts["dataset"],
        facts["seed"],
        Budget.of(facts, "budget_") or Budget("steps", plan.train.steps),
        facts["role"],
        tuple(facts["seed_settings"]),
        facts["settings_hash"],
        plan,
    )


def cells_of(suite: Suite, options: Mapping[str, Mapping[str, Any]]) -> list[Cell]:
    """All cells, ordered by seed, so that an early table has all methods. `options` are tables from the command line.

    Raises ConfigError or UnknownNameError for any invalid setting, before anything runs.
    """
    for label, dataset in suite.datasets.items():
        given = {**dataset.settings, **options.get("dataset", {})}
        if missing := [name for name in dataset.needs if given.get(name) is None]:
            flags = ", ".join("--" + name.replace("_", "-") for name in missing)
            raise ConfigError(f"suite {suite.name}: the dataset {label} needs {flags}")
    return [
        _cell(suite, label, method, name, dataset, seed, options)
        for seed in range(suite.seeds)
        for name, dataset in suite.datasets.items()
        for label, method in suite.methods.items()
    ]


def _cell(
    suite: Suite,
    label: str,
    method: MethodEntry,
    dataset_label: str,
    dataset: DatasetEntry,
    seed: int,
    options: Mapping[str, Mapping[str, Any]],
) -> Cell:
    budget = suite.budget_of(method)
    steps = {"steps": budget.amount} if budget.unit == "steps" else {}
    layers: dict[str, Mapping[str, Any]] = {
        f"suite {suite.name}": {
            "dataset": dataset.settings,
            "train": suite.train,
            "evaluate": suite.evaluate,
            "metric": suite.metric,
        },
        f"suite {suite.name}, {label}": {"method": method.settings, "train": {**method.train, **steps}},
        "seed": {
            "train": {"seed": seed},
            "metric": {metric: {setting: seed} for metric, setting in suite.metric_seeds.items()},
        },
        "options": options,
    }
    try:
        plan = make_plan(method.method or label, dataset.dataset or dataset_label, method.preset, layers)
    except UnknownNameError as error:
        raise UnknownNameError(f"suite {suite.name}, {label} on {dataset_label}: {error}") from error
    return Cell(
        label,
        dataset_label,
        seed,
        budget,
        method.role,
        tuple(sorted(set(suite.metric_seeds.values()))),
        _row_hash(plan, budget, suite.metric_seeds),
        plan,
        suite.resources.model_copy(update=method.resources.model_dump(exclude_none=True)),
    )


def _row_hash(plan: Plan, budget: Budget, metric_seeds: Mapping[str, str]) -> str:
    tables = plan.tables()
    unimportant = UNIMPORTANT if budget.unit == "steps" else (*UNIMPORTANT, "steps")  # the budget decides the steps
    tables["train"] = {key: value for key, value in tables["train"].items() if key not in unimportant}
    tables["metric"] = {
        name: {key: value for key, value in settings.items() if key != metric_seeds.get(name)}
        for name, settings in tables["metric"].items()
    }
    spent = {"images": budget.amount if budget.unit == "images" else None}
    spent |= {"seconds": budget.amount} if budget.unit == "seconds" else {}
    return settings_hash({**tables, **spent})
