"""Two domains of a user's own feature vectors, from npz archives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.guard import some
from ganzoo.files.location import Location
from ganzoo.files.npz import array_headers, read_array
from ganzoo.settings import Settings
from ganzoo.task import Task

ganzoo_contract = 2

WHAT = "an .npz with the arrays vector, numbers [N, D], and label; a slice such as features.npz[::2] selects rows"


class VectorsConfig(Settings):
    source: Path | None = Field(None, description=f"Labelled vectors for training (required): {WHAT}.")
    target: Path | None = Field(
        None, description="Vectors of the target for training (required; only an oracle reads labels)."
    )
    source_test: Path | None = Field(None, description="Held-out labelled source vectors.")
    target_test: Path | None = Field(None, description="Labelled target vectors, read only by metrics.")
    label_kind: Literal["class", "number"] = Field(
        "class", description="What labels mean: class, integers from 0 [N]; number, one or several numbers [N, k]."
    )
    label_unit: str | None = Field(None, description="Unit of --label-kind number, such as mm.")


class Vectors(Dataset):
    """Values are taken as they are: bring them to a common scale first."""

    name = "vectors"
    summary = "Your own feature vectors: labelled and unlabelled ones, from npz archives."
    homepage = ""
    license = "that of your data"
    Config = VectorsConfig

    def __init__(self, config: VectorsConfig) -> None:
        super().__init__(config)
        if config.label_unit and config.label_kind == "class":
            raise ConfigError(f"dataset {self.name}: --label-unit is for --label-kind number; leave it out")
        self._label = ChosenLabel("label", config.label_kind, config.label_unit or "")

    @cached_property
    def task(self) -> Task:
        labels = self._source.labels
        assert labels is not None
        return self._label.task(labels)

    def source(self) -> Domain:
        return self._source

    def source_test(self) -> Domain | None:
        return None if self.config.source_test is None else self._held_out("source_test")

    def target(self) -> Domain:
        return self._target

    def target_test(self) -> Domain | None:
        return None if self.config.target_test is None else self._held_out("target_test")

    def card(self) -> Mapping[str, Any]:
        """For each part its file and count."""
        parts = {name: getattr(self, name)() for name in ("source", "source_test", "target", "target_test")}
        return {
            name: {"path": str(getattr(self.config, name)), "samples": len(domain)}
            for name, domain in parts.items()
            if domain is not None
        }

    @cached_property
    def _source(self) -> Domain:
        return self._read("source", labelled=True)

    @cached_property
    def _target(self) -> Domain:
        return self._fitting(self._read("target", labelled=False), "--target")

    def _held_out(self, part: str) -> Domain:
        return self._fitting(self._read(part, labelled=True), "--" + part.replace("_", "-"))

    def _fitting(self, domain: Domain, flag: str) -> Domain:
        """The domain. Raises DatasetError if its vectors or labels are not like those of the source."""
        size, wanted = domain.samples.shape[1], self._source.samples.shape[1]
        if size != wanted:
            raise DatasetError(f"{flag}: vectors have {size} numbers, but those of --source have {wanted}")
        if domain.labels is not None:
            columns = domain.labels.shape[1]
            problem = self.task.problem(domain.labels) if columns == self.task.label_size else f"not {columns} columns"
            if problem:
                raise DatasetError(f"{flag}: labels must be like those of --source ({problem})")
        return domain

    def _read(self, part: str, *, labelled: bool) -> Domain:
        """A part with its labels if it has any. Raises ConfigError or DatasetError if it cannot be used."""
        flag, path = "--" + part.replace("_", "-"), getattr(self.config, part)
        if path is None:
            raise ConfigError(f"dataset {self.name} needs {flag}: {WHAT}")
        location = Location.parse(path)
        file = location.path
        if not file.is_file():
            raise DatasetError(f"{flag} {file} does not exist; it must be {WHAT}")
        headers = array_headers(file)
        for key in ("vector", *(["label"] if labelled else [])):
            if key not in headers:
                raise DatasetError(f"{flag} {file} has no array {key!r}, only {some(list(headers)) or 'nothing'}")
        values = read_array(file, "vector", headers)
        if values.ndim != 2 or values.dtype.kind not in "fiu" or 0 in values.shape:
            raise DatasetError(f"{flag} {file}: vector must be numbers [N, D], not {values.dtype} {list(values.shape)}")
        with np.errstate(over="ignore"):  # refused below
            vectors = values.astype(np.float32)
        names = [f"row {row}" for row in range(len(vectors))]
        if bad := [names[row] for row in np.flatnonzero(~np.isfinite(vectors).all(1))]:
            raise DatasetError(f"{flag} {file}: {len(bad):,} vectors are not finite in float32 ({some(bad)})")
        labels = None
        if "label" in headers:
            labels = self._label.checked(read_array(file, "label", headers), str(file), names)
        return Domain(part.replace("_", "-"), vectors, labels).take(location.select(len(vectors)))


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [Vectors]
