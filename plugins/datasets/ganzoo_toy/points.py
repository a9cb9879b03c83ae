"""What the toy datasets share: points of the plane, drawn from a seed, with a part for the test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Dataset, Domain
from ganzoo.settings import Settings


class PointsConfig(Settings):
    """How many points are drawn."""

    size: int = Field(20_000, ge=1, le=10_000_000, description="Points for training.")
    test_size: int = Field(5_000, ge=1, le=10_000_000, description="Points for the test.")
    data_seed: int = Field(0, ge=0, description="Seed of the points.")


class Mixture(Dataset):
    """Normal points around centres of equal weight. There is no source, and there are no labels.

    The card has the centres and the deviation, from which the metric `modes` knows them.
    """

    metrics = ("modes",)

    def target(self) -> Domain:
        return self._drawn("target", self.config.size, 0)

    def target_test(self) -> Domain:
        return self._drawn("target-test", self.config.test_size, 1)

    def spec(self) -> DataSpec:
        return DataSpec({"target": Column((2,), "vector")}, self.task)

    def card(self) -> Mapping[str, Any]:
        return {"mode_centers": self.centers().tolist(), "mode_deviation": self.config.deviation}

    @abstractmethod
    def centers(self) -> np.ndarray:
        """float64 [K, 2]"""

    def _drawn(self, name: str, count: int, part: int) -> Domain:
        random = np.random.default_rng((self.config.data_seed, part))
        centers = self.centers()[random.integers(len(self.centers()), size=count)]
        points = centers + random.normal(0, self.config.deviation, centers.shape)
        return Domain(name, points.astype(np.float32))
