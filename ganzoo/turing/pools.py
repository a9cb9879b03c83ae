"""The images that a study draws from: files, a dataset by its name, or a finished run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from ganzoo.configuration.layers import build_config
from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import DatasetError, MetricUnavailableError, UsageError
from ganzoo.evaluation.evaluate import TrainedEvaluation, settings_hash
from ganzoo.evaluation.image_sets import Shaping
from ganzoo.files.collection import open_images, read_domain
from ganzoo.files.fit import Fit, common_shape
from ganzoo.files.image_file import Shape
from ganzoo.files.location import Location
from ganzoo.metric import DomainName
from ganzoo.runs.experiment import Plan, load_trained, plan_of_run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.training import checkpoint
from ganzoo.training.config import WHEN_TO_STOP
from ganzoo.training.devices import local_device

Role = Literal["real", "fake", "raw"]
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9_. -]{0,39})=(?P<place>.+)", re.DOTALL)
_DOMAIN = re.compile(r"(?P<place>.+)\[(?P<domain>source|source_test|target|target_test)\]", re.DOTALL)
_USUAL: Mapping[Role, tuple[DomainName, ...]] = {  # what a role reads of a dataset: held-out images, if there are any
    "real": ("target_test", "target"),
    "fake": ("source_test", "source"),
    "raw": ("source_test", "source"),
}
FORMS = (
    "a folder of images, an .npz, a prepared store, a slice such as eyes.npz[0:1000], a run folder, the name of a "
    "dataset, or RUN[source], RUN[target_test] and so on"
)


@dataclass(frozen=True)
class Pool:
    """Images of one kind, uint8 [N, C, H, W], with persons int64 [N] if they are known."""

    name: str
    images: np.ndarray
    groups: np.ndarray | None
    card: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> Pool:
        return replace(self, images=self.images[rows], groups=None if self.groups is None else self.groups[rows])


@dataclass(frozen=True)
class Place:
    """What an option names."""

    option: str
    text: str
    name: str | None = None
    domain: DomainName | None = None

    @classmethod
    def parse(cls, option: str, text: str) -> Place:
        """Split off NAME= and a domain in brackets, unless a file of that exact name exists."""
        named = None if Path(text).exists() else _NAMED.fullmatch(text)
        name, text = (named["name"], named["place"]) if named else (None, text)
        found = None if Path(text).exists() else _DOMAIN.fullmatch(text)
        if found:
            return cls(option, found["place"], name, cast(DomainName, found["domain"]))
        return cls(option, text, name)

    @property
    def path(self) -> Path:
        return Path(self.text).expanduser()

    @property
    def is_run(self) -> bool:
        return (self.path / "run.toml").is_file()

    def __str__(self) -> str:
        return f"{self.option} {self.text}{f'[{self.domain}]' if self.domain else ''}"


class Reader:
    """Opens places. The first pool, of real images, decides the shape of all."""

    def __init__(self, shaping: Shaping, *, samples: int, device: str) -> None:
        self.shaping, self.samples = shaping, samples
        self.device = device
        self.shape: Shape | None = None

    def read(self, place: Place, role: Role) -> Pool:
        """At most `samples` images, evenly spaced. Raises DatasetError or UsageError if there are none."""
        if place.is_run:
            return self._of_run(place, role)
        if not place.path.exists() and place.text in registry().found["datasets"]:
            cls: type[Dataset] = registry().get("datasets", place.text)
            dataset = cls(build_config(cls.Config, {}))
            domain, name = _domain(dataset, place, role)
            return self._fitted(place, place.name or place.text, domain, {"dataset": place.text, "domain": name})
        if place.domain:
            raise UsageError(f"{place}: {place.text} is neither a run folder nor the name of a dataset")
        return self._of_files(place)

    def _of_files(self, place: Place) -> Pool:
        location = Location.parse(place.path)
        images = open_images(location.path, place.option)
        rows = location.select(len(images.names))
        fit = self._fit([images.shapes[row] for row in rows], str(place))
        found = read_domain(place.option, images, location, fit, labelled=False).spread(self.samples)
        name = place.name or re.sub(r"[^A-Za-z0-9_.-]+", "-", location.path.stem)[:40] or "images"
        return Pool(name, np.array(found.images), found.groups, {"path": place.text, "images": len(rows)})

    def _of_run(self, place: Place, role: Role) -> Pool:
        folder = RunFolder(place.path)
        plan = plan_of_run(folder)
        dataset = plan.dataset(plan.dataset_config)
        name = place.name or plan.method.name
        if place.domain or role != "fake":
            domain, named = _domain(dataset, place, role)
            return self._fitted(place, name, domain, {"dataset": dataset.name, "domain": named})
        method, step = load_trained(folder, plan, local_device(self.device))
        data = TrainedEvaluation(
            method,
            dataset,
            seed=plan.train.seed,
            samples=self.samples,
            extractors={},
            capabilities=registry().found["capabilities"],
        )
        try:
            made = data.made()
        except MetricUnavailableError as error:
            raise UsageError(f"{place}: {error}; give a run that refines or generates images") from error
        return self._fitted(place, name, made, _card(folder, plan, step, made))

    def _fitted(self, place: Place, name: str, domain: Domain, card: Mapping[str, Any]) -> Pool:
        if domain.samples.dtype != np.uint8:
            raise UsageError(f"{place}: people judge images, but these are vectors")
        chosen = domain.spread(self.samples)
        height_width_channels = (*chosen.images.shape[2:], chosen.images.shape[1])
        shapes = [cast(Shape, height_width_channels)]
        fit = self._fit(shapes, str(place))
        images = [fit(image.transpose(1, 2, 0)).transpose(2, 0, 1) for image in chosen.images]
        return Pool(name, np.stack(images), chosen.groups, {**card, "path": place.text, "images": len(domain)})

    def _fit(self, shapes: list[Shape], what: str) -> Fit:
        """How images of these shapes become the common one. Raises DatasetError if they cannot."""
        chosen = self.shaping
        if self.shape is None:
            self.shape = common_shape(
                shapes, what, height=chosen.height, width=chosen.width, resizer=chosen.resizer, channels=chosen.channels
            )
        fit = Fit(self.shape, chosen.resizer, chosen.channels)
        fit.check(shapes, [f"image {row + 1}" for row in range(len(shapes))], what)
        return fit


def _domain(dataset: Dataset, place: Place, role: Role) -> tuple[Domain, str]:
    names = (place.domain,) if place.domain else _USUAL[role]
    for name in names:
        found: Domain | None = getattr(dataset, name)()
        if found is not None:
            return found, name
    raise DatasetError(f"{place}: the dataset {dataset.name} has no {' or '.join(names).replace('_', ' ')} images")


def _card(folder: RunFolder, plan: Plan, step: int, made: Domain) -> dict[str, Any]:
    """What a reader of the result must know about a run."""
    return {
        "method": plan.method.name,
        "preset": plan.preset,
        "dataset": plan.dataset.name,
        "step": step,
        "seed": plan.train.seed,
        "made_by": made.name,
        "weights_sha256": checkpoint.weights_hash(folder.path),
        "training": training_hash(plan.tables()),
    }


def training_hash(tables: Mapping[str, Any]) -> str:
    """Of the settings in run.toml that a run's weights depend on, seed included; paths of data do not count."""
    run = {name: tables["run"].get(name) for name in ("method", "dataset", "preset")}
    train = {name: value for name, value in tables["train"].items() if name not in ("device", *WHEN_TO_STOP)}
    return settings_hash({"run": run, "method": tables["method"], "train": train})
