"""A store refined into another store: of a million images, without a million files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from ganzoo.batch import DataSpec
from ganzoo.capabilities import Refines
from ganzoo.errors import DatasetError, UsageError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.fit import words
from ganzoo.files.store import Store, is_store
from ganzoo.method import Method
from ganzoo.preparing.prepare import prepare
from ganzoo.refining import refine_batch
from ganzoo.settings import Settings
from ganzoo.task import Task


class RefinedConfig(Settings):
    """What makes one refinement another."""

    refined_by: dict[str, Any] = Field(..., description="Run, method, settings, checkpoint, versions.")
    batch_size: int = Field(..., ge=1, description="Images refined at once.")
    store: dict[str, str] = Field(..., description="Checksums of the store that is refined.")


class RefinedStore(Archive):
    """The images of a store as a method refines them; every column of the labels stays."""

    expects = "a prepared store"
    Config = RefinedConfig

    def __init__(self, config: RefinedConfig, store: Store, method: Method, device: torch.device) -> None:
        super().__init__(config, store.path)
        self.store, self.method, self.device = store, method, device
        card = {key: str(store.card.get(key, "")) for key in ("name", "summary", "homepage", "license", "citation")}
        self.name = f"{card['name']}-refined"  # type: ignore[misc]
        self.summary = f"{card['summary']}, refined"  # type: ignore[misc]
        self.homepage, self.license, self.citation = card["homepage"], card["license"], card["citation"]  # type: ignore[misc]
        self.domain = "source"  # type: ignore[misc]
        self.conventions = store.card.get("conventions", {})  # type: ignore[misc]
        self._columns = {name: store.column(name) for name in store.columns}

    @property
    def task(self) -> Task:
        return self.store.spec.task

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.store.spec.image_shape

    def pieces(self) -> Sequence[str]:
        return [str(start) for start in range(0, len(self.store), self.config.batch_size)]

    def read(self, piece: str) -> Piece:
        rows = slice(int(piece), int(piece) + self.config.batch_size)
        assert isinstance(self.method, Refines)
        images = refine_batch(self.method, np.array(self.store.images[rows]), int(piece), self.device)
        return Piece(images, {name: column[rows] for name, column in self._columns.items()})

    def recipe(self) -> Mapping[str, Any]:
        return {"refined_by": self.config.refined_by, "original": self.store.card.get("recipe", {})}


def refine_store(
    method: Method, spec: DataSpec, input: Path, output: Path, *, batch_size: int, device: torch.device,
    source_of: Mapping[str, Any],
) -> Store:  # fmt: skip
    """Refine the store `input` into the store `output`; goes on where an interrupted refinement stopped, and leaves a
    finished one as it is.

    Raises UsageError where the method cannot refine or `output` exists, DatasetError where images do not fit `spec`,
    DivergenceError where refined images are not finite.
    """
    if not isinstance(method, Refines):
        raise UsageError(f"method {method.name} does not refine images")
    store = Store(input)
    if store.spec.image_shape != spec.image_shape:
        shapes = [
            words((height, width, channels)) for channels, height, width in (store.spec.image_shape, spec.image_shape)
        ]
        raise DatasetError(f"--input {input}: its images are {shapes[0]}, and the run was trained on {shapes[1]}")
    config = RefinedConfig(
        refined_by=dict(source_of), batch_size=batch_size, store=dict(store.card.get("checksums", {}))
    )
    if is_store(output) and Store(output).card.get("settings") == config.model_dump(mode="json"):
        return Store(output)
    method.to(device).eval()
    return prepare(RefinedStore(config, store, method, device), output, jobs=1)
