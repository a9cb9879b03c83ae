"""A store is refined into a store that a pair can use as its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.applying.apply import Job
from ganzoo.applying.choice import capability_of
from ganzoo.applying.inputs import Places
from ganzoo.applying.store import apply_to_store
from ganzoo.batch import image_spec
from ganzoo.errors import DatasetError, UsageError
from ganzoo.files.archive import Piece
from ganzoo.files.store import Store
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.stores.writer import StoreWriter
from ganzoo.task import GazeTask

SPEC = image_spec(1, 6, 10, GazeTask())
COUNT = 25


class Inverted(Method):
    name, summary, paper, Config = "inverted", "", "", Settings

    def __init__(self, spec=SPEC) -> None:
        super().__init__(Settings(), spec)

    def phases(self):
        return {}

    def refine(self, source: Tensor) -> Tensor:
        return -source


@pytest.fixture
def store(tmp_path: Path) -> Store:
    random = np.random.default_rng(0)
    columns = {"pitch": random.uniform(-0.3, 0.3, COUNT).astype(np.float32), "yaw": np.zeros(COUNT, np.float32)}
    columns["person"] = np.array([f"p{row % 3}" for row in range(COUNT)])
    writer = StoreWriter(tmp_path / "synthetic", {"archive": "test"}, SPEC.image_shape)
    with writer.open():
        writer.write("all", Piece(random.integers(0, 256, (COUNT, 1, 6, 10)).astype(np.uint8), columns))
    writer.finish({"name": "synthetic", "license": "CC0", "spec": SPEC.as_table()})
    return Store(tmp_path / "synthetic")


def refine(store: Store, output: Path, method: Method | None = None, *, run: str = "run-1") -> Store:
    method = method or Inverted()
    job = Job(capability_of(method, "refine"), method, torch.device("cpu"), {"run": run}, batch_size=8)
    return apply_to_store(job, Places(input=store.path), output)


def test_images_are_refined_and_labels_stay(store: Store, tmp_path: Path) -> None:
    refined = refine(store, tmp_path / "refined")
    np.testing.assert_array_equal(refined.images, 255 - store.images)
    np.testing.assert_array_equal(refined.gaze(), store.gaze())
    assert refined.column("person").tolist() == store.column("person").tolist()
    assert refined.card["recipe"]["refined_by"] == {"run": "run-1"}
    assert refined.card["license"] == "CC0"


class Failing(Inverted):
    """Stops as a full disk or a kill would, in the third batch."""

    batches = 0

    def refine(self, source: Tensor) -> Tensor:
        self.batches += 1
        if self.batches == 3:
            raise KeyboardInterrupt
        return -source


def test_an_interrupted_refinement_goes_on_and_never_looks_complete(store: Store, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        refine(store, tmp_path / "refined", Failing())
    assert not (tmp_path / "refined").exists()
    assert len(refine(store, tmp_path / "refined")) == COUNT
    whole = refine(store, tmp_path / "whole")
    for file in ("images.npy", "labels.parquet"):
        assert (tmp_path / "refined" / file).read_bytes() == (whole.path / file).read_bytes()


def test_a_finished_refinement_is_left_as_it_is_and_another_runs_is_not_touched(store: Store, tmp_path: Path) -> None:
    first = refine(store, tmp_path / "refined")
    before = (first.path / "card.json").stat().st_mtime_ns
    refine(store, tmp_path / "refined", Failing())
    assert (first.path / "card.json").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="exists; give another folder"):
        refine(store, tmp_path / "refined", run="run-2")


def test_images_of_another_size_are_refused_in_words(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"its images are 6x10 .* but the run was trained on 35x55"):
        refine(store, tmp_path / "refined", Inverted(image_spec(1, 35, 55, GazeTask())))
