"""The contract of a dataset: one domain or two, each with samples for training and for testing."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ganzoo.batch import Column, DataSpec
from ganzoo.errors import DatasetError
from ganzoo.settings import Settings
from ganzoo.task import NoTask, Task

HASHED = 8_192  # rows at once


@dataclass(frozen=True)
class Domain:
    """Samples of one domain (images or vectors), with labels if it has any.

    Annotations of the target, such as labels, landmarks and hand-drawn masks, reach only an oracle. `observed` names
    the columns of `extra` (or "group") that are recorded with a sample, not annotated: they are inputs, which any
    method may read.

    Raises DatasetError if samples, labels and groups do not fit each other.
    """

    name: str
    samples: np.ndarray  # images uint8 [N, C, H, W], or vectors float32 [N, ...]; may be a memory map
    labels: np.ndarray | None = None  # float32 [N, task.label_size]
    groups: np.ndarray | None = None  # int64 [N]: person ids, for per-person uncertainty
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)  # further columns, such as pupil_center [N, 2] in px
    observed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels = self.samples.dtype == np.uint8 and self.samples.ndim == 4
        if not pixels and not (self.samples.dtype == np.float32 and self.samples.ndim >= 2):
            raise DatasetError(
                f"{self.name}: samples must be images, uint8 [N, C, H, W], or vectors, float32 [N, D], not "
                f"{self.samples.dtype} {list(self.samples.shape)}"
            )
        if len(self.samples) == 0:
            raise DatasetError(f"{self.name}: there are no {'images' if pixels else 'samples'}")
        what = "images" if pixels else "samples"
        for column, values in {"labels": self.labels, "groups": self.groups, **self.extra}.items():
            if values is not None and len(values) != len(self.samples):
                raise DatasetError(f"{self.name}: {len(self.samples)} {what}, but {len(values)} rows of {column}")
        if unknown := [name for name in self.observed if name != "group" and name not in self.extra]:
            raise DatasetError(f"{self.name}: {unknown[0]!r} is observed, but it is not a column of `extra`")

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def images(self) -> np.ndarray:
        """The samples, uint8 [N, C, H, W]. Raises DatasetError if they are not images."""
        if self.samples.dtype != np.uint8:
            raise DatasetError(f"{self.name}: the samples are {column_of(self.samples)}, not images")
        return self.samples

    def columns(self) -> dict[str, np.ndarray]:
        """All columns of the domain, by their names in a batch without the domain's prefix: "" (the samples), "label",
        "group", and the names of `extra`."""
        given = {"": self.samples, "label": self.labels, "group": self.groups, **self.extra}
        return {
            name: v for name, v in given.items() if v is not None and v.dtype.kind in "biuf"
        }  # names are not inputs

    def take(self, rows: np.ndarray | slice) -> Domain:
        """The same domain with only these rows."""
        return replace(
            self,
            samples=self.samples[rows],
            labels=None if self.labels is None else self.labels[rows],
            groups=None if self.groups is None else self.groups[rows],
            extra={key: column[rows] for key, column in self.extra.items()},
        )

    def spread(self, most: int) -> Domain:
        """At most `most` rows, evenly spaced: the same ones on every call."""
        if len(self) <= most:
            return self
        return self.take(np.linspace(0, len(self) - 1, most).round().astype(np.int64))

    def unlabelled(self) -> Domain:
        """What a method may see of the target: the samples, and the columns that are observed."""
        extra = {name: column for name, column in self.extra.items() if name in self.observed}
        groups = self.groups if "group" in self.observed else None
        return Domain(self.name, self.samples, groups=groups, extra=extra, observed=self.observed)

    def fingerprint(self) -> str:
        """A hash of the samples and labels, for caches and score cards."""
        digest = hashlib.blake2b(digest_size=8)
        for column in (self.samples, self.labels):
            if column is not None:
                digest.update(repr((column.shape, column.dtype.str)).encode())
                for start in range(0, len(column), HASHED):  # in chunks: a memory map may be strided or large
                    digest.update(np.ascontiguousarray(column[start : start + HASHED]).data)
        return digest.hexdigest()


def column_of(values: np.ndarray) -> Column:
    """What one row of an array is: uint8 [N, C, H, W] are images, bool are masks, all others are vectors."""
    if values.dtype == np.uint8 and values.ndim == 4:
        return Column(values.shape[1:], "image")
    return Column(values.shape[1:] or (1,), "mask" if values.dtype == np.bool_ else "vector")


def spec_of(source: Domain | None, target: Domain | None, task: Task, *, paired: bool = False) -> DataSpec:
    """The spec of two domains, or of one. Raises DatasetError if paired domains differ in length."""
    if paired and (source is None or target is None or len(source) != len(target)):
        sizes = " and ".join("none" if domain is None else str(len(domain)) for domain in (source, target))
        raise DatasetError(f"paired rows need a source and a target of equal length; these have {sizes}")
    columns = {
        f"{side}_{name}" if name else side: column_of(values)
        for side, domain in (("source", source), ("target", target))
        if domain is not None
        for name, values in domain.columns().items()
    }
    return DataSpec(columns, task, paired)


class Dataset(ABC):
    """One domain or two. Raises DatasetError, saying how to fix it, if its files are absent or unusable.

    A dataset of labelled synthetic and unlabelled real images has a source and a target. One for generation
    alone has a target and no source.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    homepage: ClassVar[str]
    license: ClassVar[str]
    Config: ClassVar[type[Settings]]
    paired: ClassVar[bool] = False  # row k of the source belongs to row k of the target
    metrics: ClassVar[tuple[str, ...]] = ()  # opt-in metrics that are measured on this dataset unless others are named

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def task(self) -> Task:
        """The meaning of the labels. The default is no labels."""
        return NoTask()

    def source(self) -> Domain | None:
        """Labelled synthetic samples to train on; None if there is no source."""
        return None

    def source_test(self) -> Domain | None:
        """Held-out labelled source samples, on which label drift is measured; None if there are none."""
        return None

    @abstractmethod
    def target(self) -> Domain | None:
        """Real samples to train on; None if there is no target. Labels, if any, reach only an oracle."""

    def target_test(self) -> Domain | None:
        """Labelled real samples of other people, read by metrics alone; None if there are none."""
        return None

    def card(self) -> Mapping[str, Any]:
        """What a reader of a result must know about the data, such as the gaze range of each domain."""
        return {}

    def spec(self) -> DataSpec:
        """Shapes, columns and task, read from the training domains. Override it if loading these is slow."""
        return spec_of(self.source(), self.target(), self.task, paired=self.paired)
