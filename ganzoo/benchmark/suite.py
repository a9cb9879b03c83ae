"""A suite declares a comparison in one TOML file: methods, datasets, budget, seeds and metrics."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from ganzoo.benchmark.budget import UNITS, Budget
from ganzoo.configuration.layers import did_you_mean
from ganzoo.configuration.toml import read_toml
from ganzoo.discovery.registry import registry
from ganzoo.engine import Resources
from ganzoo.errors import ConfigError, UnknownNameError
from ganzoo.settings import Settings
from ganzoo.system.paths import typed

# Larger than any real bench, so that a typing error cannot fill the memory.
MOST_IMAGES, MOST_STEPS, MOST_SECONDS, MOST_SEEDS = 10**10, 10**9, 10**8, 1000


class MethodEntry(Settings):
    """One row of the table."""

    method: str = Field("", description="The method's name; not given: the row's label.")
    preset: str | None = Field(None, description="Named settings of the method.")
    settings: dict[str, Any] = Field({}, description="Settings of the method, over the preset.")
    train: dict[str, Any] = Field({}, description="Settings of its training; `steps` here replaces the budget.")
    images: int | None = Field(None, ge=1, le=MOST_IMAGES, description="Another budget than the suite's, in images.")
    steps: int | None = Field(None, ge=1, le=MOST_STEPS, description="Another budget than the suite's, in steps.")
    seconds: int | None = Field(None, ge=1, le=MOST_SECONDS, description="Another budget, in seconds of training.")
    resources: Resources = Field(Resources(), description="What its cells need, over what the suite gives.")
    role: Literal["", "floor"] = Field("", description="floor: shown in the table, but never marked as the best.")


class DatasetEntry(Settings):
    """One table of the result."""

    dataset: str = Field("", description="The dataset's name; not given: the label.")
    settings: dict[str, Any] = Field({}, description="Settings of the dataset.")
    needs: tuple[str, ...] = Field((), description="Settings without default that the command line must give.")


class EnsembleEntry(Settings):
    """A row that averages the predictions of other rows' networks."""

    members: tuple[str, ...] = Field(..., min_length=1, description="Labels of rows whose networks are averaged.")
    size: int | None = Field(
        None, ge=1, le=MOST_SEEDS, description="Seeds of each member in one ensemble; not given: all."
    )


class Suite(Settings):
    """A comparison of methods on datasets with one budget."""

    name: str = Field("", description="The suite's name: that of its file, and of the folder of its bench.")
    summary: str = Field("", description="One sentence.")
    images: int | None = Field(
        None, ge=1, le=MOST_IMAGES, description="The budget: images of each domain that every method draws."
    )
    steps: int | None = Field(None, ge=1, le=MOST_STEPS, description="Or: steps that every method trains for.")
    seconds: int | None = Field(None, ge=1, le=MOST_SECONDS, description="Or: seconds of training for every method.")
    seeds: int = Field(3, ge=1, le=MOST_SEEDS, description="Seeds 0, 1, ... of every method.")
    methods: dict[str, MethodEntry] = Field(..., min_length=1, description="Label -> method.")
    datasets: dict[str, DatasetEntry] = Field(..., min_length=1, description="Label -> dataset.")
    ensembles: dict[str, EnsembleEntry] = Field({}, description="Label -> rows whose predictions are averaged.")
    criteria: tuple[str, ...] = Field(
        (), description='Criteria without target labels; not given: all but those on request; "none": none.'
    )
    resources: Resources = Field(Resources(), description="CPUs, GPUs, memory and minutes of a cell, for engines.")
    train: dict[str, Any] = Field({}, description="Settings of every training.")
    evaluate: dict[str, Any] = Field({}, description="Settings of every evaluation; `metrics` names what is measured.")
    metric: dict[str, dict[str, Any]] = Field({}, description="Metric -> settings.")
    metric_seeds: dict[str, str] = Field({}, description="Metric -> its setting that takes the seed of the cell.")
    reference: str = Field("source-only", description="The row or rival that the others are tested against.")
    planes: tuple[tuple[str, str], ...] = Field(
        (("fid[gaze]", "gaze_error_deg"), ("fid[gaze]", "label_drift_deg")),
        description="Pairs of scores, realism and preservation, that the report draws against each other.",
    )

    @field_validator("name")
    @classmethod
    def _is_a_file_name(cls, name: str) -> str:
        """The folder of a bench has this name, and must not lie outside its parent folder."""
        if name != Path(name).name or not name.isprintable() or name in (".", "..") or len(name.encode()) > 200:
            raise ValueError("it must be a plain name, without slashes, of at most 200 bytes")
        return name

    def budget_of(self, method: MethodEntry) -> Budget:
        """The budget of a row: its own, or else that of the suite."""
        own = Budget.of(method.model_dump()) or Budget.of(method.train)
        found = own or Budget.of(self.model_dump())
        assert found is not None  # parse_suite checks it
        return found


def shipped() -> dict[str, Path]:
    """The suites that come with ganzoo, by name."""
    folder = Path(str(files("ganzoo.benchmark"))) / "suites"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


def load_suite(name: str) -> Suite:
    """A shipped suite, or one in a file. Raises ConfigError or UnknownNameError."""
    if name.endswith(".toml"):
        return parse_suite(read_toml(typed(name)), Path(name).stem, name)
    if name not in shipped():
        raise UnknownNameError(
            f"there is no suite {name!r}{did_you_mean(name, shipped())} (the name of a suite file must end in .toml)"
        )
    return parse_suite(read_toml(shipped()[name]), name, f"suite {name}")


def parse_suite(tables: Mapping[str, Any], name: str, where: str) -> Suite:
    """Tables as a Suite. Raises ConfigError naming the key that is unknown or out of range."""
    if not isinstance(tables, Mapping):
        raise ConfigError(f"{where}: the suite must be a table")
    try:
        suite = Suite(**{"name": name, **tables})
    except ValidationError as error:
        raise ConfigError(f"{where}: {_sentence(error.errors()[0])}") from None
    _check_budgets(suite, where)
    _check_ensembles(suite, where)
    try:
        for metric in (*suite.metric, *suite.metric_seeds):
            registry().get("metrics", metric)
    except UnknownNameError as error:
        raise UnknownNameError(f"{where}: {error}") from None
    for metric, setting in suite.metric_seeds.items():
        known = registry().get("metrics", metric).Config.model_fields
        if setting not in known:
            raise ConfigError(
                f"{where}: metric_seeds: {metric} has no setting {setting!r}{did_you_mean(setting, known)}"
            )
    return suite


def _check_budgets(suite: Suite, where: str) -> None:
    """Raise ConfigError unless the suite has one budget, and each row at most one of its own."""
    own: list[str] = [unit for unit in UNITS if getattr(suite, unit) is not None]
    if len(own) != 1:
        what = f"{' and '.join(own)} are given" if own else "none is given"
        raise ConfigError(f"{where}: a suite needs one budget, images, steps or seconds, but {what}; give exactly one")
    if "steps" in suite.train:
        raise ConfigError(f"{where}: train.steps: the budget determines the steps; write `steps = N` at the top "
                          "level of the suite, and no other budget")  # fmt: skip
    for label, method in suite.methods.items():
        budgets: list[str] = [unit for unit in UNITS if getattr(method, unit) is not None]
        budgets += ["train.steps"] if "steps" in method.train else []
        if len(budgets) > 1:
            what = " and ".join(budgets)
            raise ConfigError(f"{where}: methods.{label} has {len(budgets)} budgets, {what}; keep one of them")


def _check_ensembles(suite: Suite, where: str) -> None:
    """Raise ConfigError for a member that is no row, and for a label that is taken."""
    for label, ensemble in suite.ensembles.items():
        if label in suite.methods:
            raise ConfigError(f"{where}: ensembles.{label}: there is a method with this label; give it another")
        for member in ensemble.members:
            if member not in suite.methods:
                what = f"there is no row {member!r}{did_you_mean(member, suite.methods)}"
                raise ConfigError(f"{where}: ensembles.{label}.members: {what}; name rows of [methods]")
        if len(set(ensemble.members)) < len(ensemble.members):
            raise ConfigError(f"{where}: ensembles.{label}.members names a row twice; name each once")
        if ensemble.size is not None and ensemble.size > suite.seeds:
            raise ConfigError(
                f"{where}: ensembles.{label}.size is {ensemble.size}, but the suite has {suite.seeds} seeds; give at "
                "most that many, or more seeds"
            )


def narrowed(
    suite: Suite,
    methods: Sequence[str] | None = None,
    dataset: str | None = None,
    seeds: int | None = None,
    *,
    budget: Budget | None = None,
    metrics: Sequence[str] | None = None,
) -> Suite:
    """The suite with the options of the command line: a choice of rows, or other methods, datasets or metrics."""
    changes: dict[str, Any] = {}
    if methods is not None:
        known = {**{name: MethodEntry() for name in registry().found["methods"]}, **suite.methods}
        changes["methods"] = {name: _choose(name, known, "method") for name in methods}
    if dataset is not None:
        others = {name: DatasetEntry() for name in registry().found["datasets"]}
        changes["datasets"] = {dataset: _choose(dataset, {**others, **suite.datasets}, "dataset")}
    if seeds is not None:
        changes["seeds"] = seeds
    rows, count = {*changes.get("methods", suite.methods)}, changes.get("seeds", suite.seeds)
    changes["ensembles"] = {  # those that the choice leaves possible
        name: each for name, each in suite.ensembles.items() if {*each.members} <= rows and (each.size or 1) <= count
    }
    if budget is not None:
        changes |= {unit: budget.amount if unit == budget.unit else None for unit in UNITS}
    if metrics is not None:
        changes["evaluate"] = {**suite.evaluate, "metrics": list(dict.fromkeys(metrics))}
    return suite.model_copy(update=changes)


def _choose(name: str, known: Mapping[str, Any], kind: str) -> Any:
    if name not in known:
        raise UnknownNameError(f"there is no {kind} {name!r}{did_you_mean(name, known)}")
    return known[name]


def _sentence(problem: Any) -> str:
    place, last = problem["loc"][:-1], str(problem["loc"][-1])
    dotted = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"there is no key {dotted!r}{did_you_mean(last, _known_keys(place))}"
    if problem["type"] == "missing":
        field = Suite.model_fields.get(dotted)
        return f"{dotted} is missing" + (f" ({field.description})" if field else "")
    message = problem["msg"].removeprefix("Value error, ")
    return f"{dotted} = {reprlib.repr(problem['input'])}: {message[0].lower()}{message[1:]}"


def _known_keys(place: Sequence[Any]) -> list[str]:
    models: dict[Any, type[BaseModel]] = {
        "methods": MethodEntry, "datasets": DatasetEntry, "ensembles": EnsembleEntry,
    }  # fmt: skip
    model = models.get(place[0], Suite) if place else Suite
    return [name for name in model.model_fields if name != "name"]
