"""A store as the output for a store: a million images without a million files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo.applying.apply import Job, identity_of
from ganzoo.applying.inputs import Inputs, Places, inputs_of
from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.collection import StoreImages
from ganzoo.files.fit import words
from ganzoo.files.store import Store, is_store
from ganzoo.settings import Settings
from ganzoo.stores.prepare import prepare
from ganzoo.task import Task

UNLABELLED = ("person", "day", "side", "split", "file")  # columns that stay valid for any output image


class AppliedConfig(Settings):
    """What a result depends on."""

    identity: dict[str, Any] = Field(..., description="Capability, run, settings, checkpoint, inputs, versions.")
    batch_size: int = Field(..., ge=1, description="Images at once.")
    store: dict[str, str] = Field(..., description="Checksums of the store that the images are of.")


class AppliedStore(Archive):
    """A method's results for the images of a store; the label columns stay if they are still valid."""

    expects = "a prepared store"
    Config = AppliedConfig

    def __init__(self, config: AppliedConfig, job: Job, inputs: Inputs) -> None:
        assert inputs.images is not None
        assert isinstance(inputs.images.images, StoreImages)
        self.store: Store = inputs.images.images.store
        super().__init__(config, self.store.path)
        self.job, self.inputs = job, inputs
        capability = job.capability
        card = {
            key: str(self.store.card.get(key, "")) for key in ("name", "summary", "homepage", "license", "citation")
        }
        self.name = f"{card['name']}-{capability.adjective}"  # type: ignore[misc]
        self.summary = f"{card['summary']}, {capability.adjective}"  # type: ignore[misc]
        self.homepage, self.license, self.citation = card["homepage"], card["license"], card["citation"]  # type: ignore[misc]
        self.domain = capability.arguments[0].side  # type: ignore[misc]
        self.conventions = self.store.card.get("conventions", {})  # type: ignore[misc]
        kept = [name for name in self.store.columns if capability.keeps_labels or name in UNLABELLED]
        self._columns = {name: self.store.column(name) for name in kept}

    @property
    def task(self) -> Task:
        return self.store.spec.task

    @property
    def image_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.job.capability.output(self.job.method).shape
        return channels, height, width

    def pieces(self) -> Sequence[str]:
        return [str(part.start) for part in self.job.parts(len(self.store))]

    def read(self, piece: str) -> Piece:
        part = slice(int(piece), min(int(piece) + self.job.batch_size, len(self.store)))
        images: np.ndarray = self.job.rows(self.inputs, part)
        return Piece(images, {name: column[part] for name, column in self._columns.items()})

    def recipe(self) -> Mapping[str, Any]:
        made_by = {f"{self.job.capability.adjective}_by": dict(self.job.made_by)}
        return {**made_by, "original": self.store.card.get("recipe", {})}


def apply_to_store(job: Job, places: Places, output: Path) -> Store:
    """Create the store `output` from the input store of `places`, with the same rows. A job that was
    interrupted continues when it is started again, and a finished one is left unchanged.

    Raises UsageError if `output` exists, DatasetError if images do not fit the data of the run, DivergenceError if the
    results are not finite.
    """
    assert places.input is not None
    store = Store(places.input)
    _check_size(job, store)
    inputs = inputs_of(job.capability, job.method, places)
    by_content = ("input", "input_fingerprint")  # a store is identified by its checksums, not by its place
    identity = {key: value for key, value in identity_of(job, inputs).items() if key not in by_content}
    config = AppliedConfig(identity=identity, batch_size=job.batch_size, store=dict(store.card.get("checksums", {})))
    if is_store(output) and Store(output).card.get("settings") == config.model_dump(mode="json"):
        return Store(output)
    job.method.to(job.device).eval()
    return prepare(AppliedStore(config, job, inputs), output, jobs=1)


def _check_size(job: Job, store: Store) -> None:
    """A store keeps positions in pixels, which a resizer would not move."""
    wanted = job.capability.input(job.method, job.capability.arguments[0]).shape
    if store.spec.image_shape != wanted:
        shapes = [words((height, width, channels)) for channels, height, width in (store.spec.image_shape, wanted)]
        raise DatasetError(
            f"--input {store.path}: its images are {shapes[0]}, but the run was trained on {shapes[1]}; prepare it "
            "again in that size"
        )


def makes_a_store(job: Job, places: Places) -> bool:
    """Whether images of a store become images."""
    makes_images = job.capability.makes == "samples" and job.capability.output(job.method).kind == "image"
    return makes_images and places.input is not None and is_store(places.input)
