"""`images`: one set of a user's images, for methods that learn a single domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import DatasetError
from ganzoo.files.collection import StoreImages
from ganzoo.files.parts import WHERE, Parts, PartsConfig
from ganzoo.task import GazeTask, NoTask, Task

ganzoo_contract = 2


class ImagesConfig(PartsConfig):
    source: Path | None = Field(None, description=f"The images (required), labelled or not: {WHERE}.")
    test: Path | None = Field(None, description="Held-out images of the same kind, read only by metrics.")


class Images(Dataset):
    """The set is the target. If it is labelled, it is also the source: its labels are given for training,
    so a generator for labels reads them there and is not an oracle."""

    name = "images"
    summary = "One set of your own images, labelled or not: for methods that learn a single domain."
    homepage = ""
    license = "that of your images"
    Config = ImagesConfig
    metrics = ("reconstruction",)

    def __init__(self, config: ImagesConfig) -> None:
        super().__init__(config)
        self._parts = Parts(self.name, config, leading="source")

    @property
    def task(self) -> Task:
        return NoTask() if self._images.labels is None else self._task_of("source")

    def source(self) -> Domain | None:
        return None if self._images.labels is None else replace(self._images, name="source")

    def source_test(self) -> Domain | None:
        return None if self._test is None or self._test.labels is None else replace(self._test, name="source-test")

    def target(self) -> Domain:
        return self._images

    def target_test(self) -> Domain | None:
        return self._test

    def card(self) -> Mapping[str, Any]:
        """Where the images are, how many, whether they are labelled, and how their shape was converted."""
        card: dict[str, Any] = {"task": self.task.name, "source": self._facts("source", self._images)}
        if self._test is not None:
            card["test"] = self._facts("test", self._test)
            card["test_images_also_in_source"] = self._parts.shared_rows("source", "test")
        return card

    @cached_property
    def _images(self) -> Domain:
        return self._read("source", "target")

    @cached_property
    def _test(self) -> Domain | None:
        """Its labels are read if those of the set are, and must mean the same."""
        if self.config.test is None:
            return None
        if self._images.labels is None:
            return self._parts.read_images("test", "target-test")
        test = self._read("test", "target-test")
        if self._parts.chosen is not None and test.labels is not None and self._images.labels is not None:
            if test.labels.shape[1] != self._images.labels.shape[1]:
                raise DatasetError(f"--test: {self.config.label} has another number of columns than in --source")
            if problem := self.task.problem(test.labels):
                raise DatasetError(f"--test {self._parts.open('test')[0]}: {problem}, as in --source")
        if test.labels is not None and self._task_of("test") != self.task:
            raise DatasetError(
                f"--test {self._parts.open('test')[0]} has labels of the task {self._task_of('test').name}, and "
                f"--source has those of {self.task.name}; give images whose labels mean the same"
            )
        return test

    def _read(self, part: str, name: str) -> Domain:
        location, files = self._parts.open(part)
        task = self._task_of(part)
        if self._parts.chosen is not None or not isinstance(files, StoreImages) or isinstance(task, GazeTask):
            return self._parts.read(part, name, labelled=False)
        domain, labels = self._parts.read_images(part, name), files.store.labels()
        if labels is None:
            return domain
        chosen = np.ascontiguousarray(labels[location.select(len(files.names))])
        if problem := task.problem(chosen):
            raise DatasetError(f"the store {files.path}: {problem}; prepare it again")
        return replace(domain, labels=chosen)

    def _task_of(self, part: str) -> Task:
        """What labels of a part mean, if it has any: those of `--label`, those of a store, or gaze."""
        if self._parts.chosen is not None:
            labels = self._parts.read("source", "target", labelled=True).labels
            assert labels is not None
            return self._parts.chosen.task(labels)
        files = self._parts.open(part)[1]
        return files.store.spec.task if isinstance(files, StoreImages) else GazeTask()

    def _facts(self, part: str, domain: Domain) -> dict[str, Any]:
        return {**self._parts.facts(part, domain), "labelled": domain.labels is not None}


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [Images]
