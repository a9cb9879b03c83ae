"""Two prepared stores as a dataset: `--dataset unityeyes-mpiigaze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.archive import Archive
from ganzoo.files.fit import Channels, Fit, Resizer
from ganzoo.files.gaze_range import gaze_range, restrict_gaze
from ganzoo.files.guard import some
from ganzoo.files.labels import group_ids, people_in, person_names
from ganzoo.files.store import Store, as_slice, data_folder, is_store, prepared
from ganzoo.settings import Settings
from ganzoo.task import Task

Split = Literal["auto", "authors", "people", "rows", "leave-one-out", "evaluation-subset"]
HELD_OUT = 0.1  # of a source without a split of its authors
TEST = 1 / 3  # of a target without one
Rows = np.ndarray | slice


class StorePairConfig(Settings):
    """Settings of a dataset made of two stores."""

    split: Split = Field(
        "auto",
        description="Which part of the target is for testing: authors (their split), people (the last third of them), "
        "rows (the last third, regardless of person), leave-one-out (--test-person), evaluation-subset (MPIIGaze's "
        "lists; the rest is for training); auto: authors, else people, else rows.",
    )
    test_person: str | None = Field(None, description="The person that leave-one-out tests on.")
    source_range: tuple[float, float, float, float] | None = Field(
        None,
        description="Keep only source images whose gaze lies in PITCH_MIN,PITCH_MAX,YAW_MIN,YAW_MAX (degrees); "
        "take the range from prior knowledge, never from test labels.",
    )
    image_height: int = Field(0, ge=0, le=8192, description="Height of all images; 0: the target's.")
    image_width: int = Field(0, ge=0, le=8192, description="Width of all images; 0: the target's.")
    channels: Channels = Field("as-is", description="Convert all images to grey or rgb; as-is: they must agree.")
    resizer: Resizer = Field(
        "none", description="How images are resized or cropped to one size; none: they must agree."
    )


class StorePair(Dataset):
    """The base of pairs of stores; `pair_of` makes one."""

    source_store: ClassVar[str]
    target_store: ClassVar[str]
    archives: ClassVar[Sequence[type[Archive]]]  # of its stores, as far as they are known
    homepage = ""
    license = ""
    Config = StorePairConfig

    def __init__(self, config: StorePairConfig) -> None:
        super().__init__(config)
        if (config.split == "leave-one-out") != (config.test_person is not None):
            raise ConfigError(f"dataset {self.name}: --split leave-one-out and --test-person must be given together")

    @property
    def task(self) -> Task:
        return self._stores[0].spec.task

    def source(self) -> Domain:
        return self._source_parts[0]

    def source_test(self) -> Domain | None:
        return self._source_parts[1]

    def target(self) -> Domain:
        return self._target_parts[0]

    def target_test(self) -> Domain | None:
        return self._target_parts[1]

    def card(self) -> Mapping[str, Any]:
        """The main facts of both stores' cards, and counts, people and gaze range (degrees) of each domain."""
        keys = ("name", "license", "citation", "images", "recipe", "settings", "checksums")
        domains = {"source": self.source(), "source_test": self.source_test(),
                   "target": self.target(), "target_test": self.target_test()}  # fmt: skip
        stores = zip(("source_store", "target_store"), self._stores, strict=True)
        return {
            **{part: {key: store.card[key] for key in keys if key in store.card} for part, store in stores},
            **{part: _facts(domain) for part, domain in domains.items() if domain is not None},
            "split": self._split,
            "test_people": people_in(test) if (test := self.target_test()) is not None else [],
            "source_range_deg": self.config.source_range,
            "fitted": self._fit.note([_shape(store) for store in self._stores]),
        }

    @cached_property
    def _stores(self) -> tuple[Store, Store]:
        stores = self._open(self.source_store), self._open(self.target_store)
        tasks = [store.spec.task for store in stores]
        if tasks[0] != tasks[1]:
            raise DatasetError(f"dataset {self.name}: the two stores have different tasks: {tasks}")
        return stores

    def _open(self, name: str) -> Store:
        path = data_folder() / name
        if not is_store(path):
            known = {archive.name: archive for archive in self.archives}
            how = how_to_get(known[name]) if name in known else f"prepare it: ganzoo data prepare {name} --from PATH"
            raise DatasetError(f"dataset {self.name} needs the store {name}, which is not at {path}; {how}")
        return Store(path)

    @cached_property
    def _fit(self) -> Fit:
        source, target = self._stores
        config = self.config
        tall, wide, channels = _shape(target)
        wanted = {"as-is": channels, "grey": 1, "rgb": 3}[config.channels]
        shape = (config.image_height or tall, config.image_width or wide, wanted)
        fit = Fit(shape, config.resizer, config.channels)
        for store in (source, target):
            fit.check([_shape(store)], ["all"], f"the store {store.path.name}")
        return fit

    @cached_property
    def _split(self) -> str:
        if self.config.split != "auto":
            return str(self.config.split)
        store = self._stores[1]
        return "authors" if "split" in store.columns else "people" if _people(store) > 1 else "rows"

    @cached_property
    def _source_parts(self) -> tuple[Domain, Domain]:
        """Labelled source images for training, and held-out ones: of other people if there are several."""
        store = self._stores[0]
        test = store.column("split") == "test" if "split" in store.columns else _last(store, HELD_OUT)
        parts = tuple(self._domain(store, name, rows) for name, rows in (("source", ~test), ("source_test", test)))
        for part in parts:
            if part.labels is None or not np.isfinite(part.labels).all():
                raise DatasetError(f"the store {store.path} cannot be a source: not all of its images are labelled")
        wanted = self.config.source_range
        if wanted is None:
            return parts[0], parts[1]
        return restrict_gaze(parts[0], wanted), restrict_gaze(parts[1], wanted)

    @cached_property
    def _target_parts(self) -> tuple[Domain, Domain]:
        store = self._stores[1]
        test = self._test_rows(store)
        return self._domain(store, "target", ~test), self._domain(store, "target_test", test)

    def _test_rows(self, store: Store) -> np.ndarray:
        """Which target images are for the test, bool [N]."""
        flag = f"--split {self._split}"
        if self._split == "people":
            if _people(store) < 2:
                raise DatasetError(f"{flag}: the store {store.path} does not have images of several people; "
                                   "--split rows takes its last third, regardless of person")  # fmt: skip
            return _last(store, TEST)
        if self._split == "rows":
            return _last_rows(store, TEST)
        if self._split == "leave-one-out":
            people = store.column("person").astype(str) if "person" in store.columns else np.array([])
            if self.config.test_person not in people:
                raise ConfigError(f"--test-person {self.config.test_person}: the store {store.path.name} has "
                                  f"{some(sorted(set(people)), 20) or 'nobody'}")  # fmt: skip
            return np.asarray(people == self.config.test_person)
        column = {"authors": "split", "evaluation-subset": "evaluation"}[self._split]
        if column not in store.columns:
            raise DatasetError(f"{flag}: the store {store.path} has no column {column!r}")
        values = store.column(column)
        return np.asarray(values == "test" if column == "split" else values.astype(bool))

    def _labels(self, store: Store) -> np.ndarray | None:
        """Labels of the images, if there are any. Raises DatasetError if they are invalid for the task."""
        labels = store.labels()
        if labels is not None and (problem := store.spec.task.problem(labels[np.isfinite(labels).all(1)])):
            raise DatasetError(f"the store {store.path}: {problem}; prepare it again")
        return labels

    def _domain(self, store: Store, name: str, chosen: np.ndarray) -> Domain:
        found = np.flatnonzero(chosen)
        if not len(found):
            raise DatasetError(f"dataset {self.name}: no image of the store {store.path.name} is left for {name}")
        rows: Rows = as_slice(found)
        labels, extra = self._labels(store), {}
        images = store.images[rows]
        shape = _shape(store)
        if {"pupil_x", "pupil_y"} <= set(store.columns):
            pupil = np.stack([store.column("pupil_x"), store.column("pupil_y")], 1)[rows]
            extra["pupil_center"] = self._fit.points(pupil, [shape])
        if shape != self._fit.shape:
            images = _fitted(images, self._fit)
        groups = None
        if "person" in store.columns:
            people = person_names(store.column("person").tolist())
            groups, extra["person"] = group_ids(people)[rows], people[rows]
        return Domain(name, images, None if labels is None else labels[rows], groups, extra)


def pair_of(
    source: type[Archive] | str, target: type[Archive] | str, *, config: type[StorePairConfig] = StorePairConfig
) -> type[StorePair]:
    """The dataset NAME-NAME of two archives, or of two stores by name."""
    names = [part if isinstance(part, str) else part.name for part in (source, target)]
    archives = [part for part in (source, target) if not isinstance(part, str)]
    body = {
        "name": "-".join(names),
        "summary": f"{names[0]} as the source, {names[1]} as the target, from prepared stores.",
        "source_store": names[0],
        "target_store": names[1],
        "license": "; ".join(f"{archive.name}: {archive.license}" for archive in archives),
        "archives": archives,
        "Config": config,
        "__doc__": None,
    }
    return type("StorePair", (StorePair,), body)


def how_to_get(archive: type[Archive]) -> str:
    """Where to get an archive, and the command that prepares it."""
    fetch = f"ganzoo data download {archive.name}, or " if archive.downloads() else ""
    return (
        f"{fetch}get it from {archive.homepage} ({archive.size}; licence: {archive.license}), then: "
        f"ganzoo data prepare {archive.name} --from {archive.expects}"
    )


def pair_of_stores(name: str) -> type[StorePair] | None:
    """SOURCE-TARGET of two prepared stores; None if they are not prepared."""
    stores = prepared()
    for source in stores:
        target = name.removeprefix(source + "-")
        if target != name and target in stores:
            return pair_of(source, target)
    return None


def _last(store: Store, share: float) -> np.ndarray:
    """The rows of the last people, in the order of their names; without people, the last rows. bool [N]."""
    if "person" in store.columns:
        people, person = np.unique(store.column("person").astype(str), return_inverse=True)
        if len(people) > 1:
            return np.asarray(person >= len(people) - max(1, round(share * len(people))))
    return _last_rows(store, share)


def _last_rows(store: Store, share: float) -> np.ndarray:
    return np.arange(len(store)) >= len(store) - max(1, round(share * len(store)))


def _people(store: Store) -> int:
    """How many people the store names."""
    return len(np.unique(store.column("person").astype(str))) if "person" in store.columns else 0


def _shape(store: Store) -> tuple[int, int, int]:
    channels, height, width = store.spec.image_shape
    return height, width, channels


def _fitted(images: np.ndarray, fit: Fit) -> np.ndarray:
    """uint8 [N, C, H, W] in the shape of `fit`."""
    height, width, channels = fit.shape
    made = np.empty((len(images), channels, height, width), np.uint8)
    for at, image in enumerate(images):
        made[at] = fit(image.transpose(1, 2, 0)).transpose(2, 0, 1)
    return made


def _facts(domain: Domain) -> Mapping[str, Any]:
    facts: dict[str, Any] = {"images": len(domain)}
    if domain.groups is not None:
        facts["persons"] = len(np.unique(domain.groups))
    if domain.labels is not None and domain.labels.shape[1] == 2:
        facts["gaze_range_deg"] = [round(edge, 2) for edge in gaze_range(domain)]
    return facts
