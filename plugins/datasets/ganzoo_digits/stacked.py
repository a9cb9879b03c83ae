"""`stacked-mnist`: three digits as the channels of one image, so that there are 1,000 modes (Metz et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import DatasetError
from ganzoo.files.store import Store, data_folder, is_store
from ganzoo.files.store_pair import how_to_get
from ganzoo.settings import Settings
from ganzoo_digits.originals import MNIST

CHANNELS = 3


class StackedConfig(Settings):
    size: int = Field(26_000, ge=1, le=1_000_000, description="Images for training, of MNIST's training digits.")
    test_size: int = Field(26_000, ge=1, le=1_000_000, description="Images for the test, of MNIST's test digits.")
    data_seed: int = Field(0, ge=0, description="Seed of the drawn digits.")


class StackedMNIST(Dataset):
    """Three independent digits as red, green and blue. There are no labels for training: which digits an image shows
    is in the column `digits`, which only metrics read. Counts as in Lin et al. 2018, section 4.2."""

    name = "stacked-mnist"
    summary = "Three MNIST digits as the channels of an image, 1,000 modes: a hard test for mode collapse."
    homepage = MNIST.homepage
    license = MNIST.license
    Config = StackedConfig
    metrics = ("modes",)

    def target(self) -> Domain:
        return self._stacked("target", self.config.size, "train")

    def target_test(self) -> Domain:
        return self._stacked("target-test", self.config.test_size, "test")

    def spec(self) -> DataSpec:
        _, height, width = self._store.spec.image_shape
        columns = {"target": Column((CHANNELS, height, width)), "target_digits": Column((CHANNELS,), "vector")}
        return DataSpec(columns, self.task)

    def card(self) -> Mapping[str, Any]:
        return {"store": self._store.card.get("checksums"), "modes": 10**CHANNELS}

    @cached_property
    def _store(self) -> Store:
        path = data_folder() / MNIST.name
        if not is_store(path):
            raise DatasetError(f"stacked-mnist needs the store {MNIST.name}, which does not exist; {how_to_get(MNIST)}")
        store = Store(path)
        if store.spec.image_shape[0] != 1 or "split" not in store.columns:
            raise DatasetError(f"the store {path} must hold grey digits with the column split; {how_to_get(MNIST)}")
        return store

    def _stacked(self, name: str, count: int, split: str) -> Domain:
        store = self._store
        rows = np.flatnonzero(np.asarray(store.column("split")) == split)
        if not len(rows):
            raise DatasetError(f"the store {store.path} has no digits of the {split} split; {how_to_get(MNIST)}")
        picked = np.random.default_rng((self.config.data_seed, split == "test")).choice(rows, (count, CHANNELS))
        digits = np.asarray(store.column("class"))[picked].astype(np.float32)
        return Domain(name, np.ascontiguousarray(store.images[:, 0][picked]), extra={"digits": digits})
