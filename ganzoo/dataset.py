"""The contract of a dataset: two domains, each with images for training and for the test."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ganzoo.batch import DataSpec
from ganzoo.errors import DatasetError
from ganzoo.settings import Settings
from ganzoo.task import Task

HASHED = 8_192  # rows at once


@dataclass(frozen=True)
class Domain:
    """Images of one domain, with labels where it has any.

    Raises DatasetError where images, labels and groups do not fit each other.
    """

    name: str
    images: np.ndarray  # uint8 [N, C, H, W]; may be a memory map
    labels: np.ndarray | None = None  # float32 [N, task.label_size]
    groups: np.ndarray | None = None  # int64 [N]: person ids, for per-person uncertainty
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)  # further columns, such as pupil_center [N, 2] in px

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8:
            raise DatasetError(
                f"{self.name}: images must be uint8 [N, C, H, W], not {self.images.dtype} {list(self.images.shape)}"
            )
        if len(self.images) == 0:
            raise DatasetError(f"{self.name}: there are no images")
        for what, column in {"labels": self.labels, "groups": self.groups, **self.extra}.items():
            if column is not None and len(column) != len(self.images):
                raise DatasetError(f"{self.name}: {len(self.images)} images, but {len(column)} rows of {what}")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray | slice) -> Domain:
        """The same domain with only these rows."""
        return replace(
            self,
            images=self.images[rows],
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
        """The images alone: what a method may see of the target."""
        return Domain(self.name, self.images)

    def fingerprint(self) -> str:
        """A hash of the images and labels, for caches and score cards."""
        digest = hashlib.blake2b(digest_size=8)
        for column in (self.images, self.labels):
            if column is not None:
                digest.update(repr((column.shape, column.dtype.str)).encode())
                for start in range(0, len(column), HASHED):  # in parts: a memory map need not be contiguous, nor fit
                    digest.update(np.ascontiguousarray(column[start : start + HASHED]).data)
        return digest.hexdigest()


class Dataset(ABC):
    """A pair of domains. Raises DatasetError, saying how to mend it, where its files are absent or unusable."""

    name: ClassVar[str]
    summary: ClassVar[str]
    homepage: ClassVar[str]
    license: ClassVar[str]
    Config: ClassVar[type[Settings]]

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    @abstractmethod
    def task(self) -> Task:
        """What the labels mean."""

    @abstractmethod
    def source(self) -> Domain:
        """Labelled synthetic training images."""

    @abstractmethod
    def source_test(self) -> Domain | None:
        """Held-out labelled synthetic images, on which label drift is measured; None where there are none."""

    @abstractmethod
    def target(self) -> Domain:
        """Real training images. Their labels, if any, reach only an oracle."""

    @abstractmethod
    def target_test(self) -> Domain | None:
        """Labelled real images of other people, read by metrics alone; None where there are none."""

    def card(self) -> Mapping[str, Any]:
        """What a reader of a result must know of the data, such as the gaze range of each domain."""
        return {}

    def spec(self) -> DataSpec:
        """Shapes and task. Raises DatasetError where the two domains' images differ in shape."""
        source, target = self.source(), self.target()
        if source.images.shape[1:] != target.images.shape[1:]:
            raise DatasetError(
                f"dataset {self.name}: source images are {list(source.images.shape[1:])} and target images "
                f"{list(target.images.shape[1:])} (channels, height, width); they must be equal"
            )
        channels, height, width = source.images.shape[1:]
        return DataSpec(channels, height, width, self.task)
