"""`spiral`: a two-dimensional Swiss roll, a thin set without modes (as in Gulrajani et al. 2017, figure 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Dataset, Domain
from ganzoo_toy.points import PointsConfig

ganzoo_contract = 2
TURNS = 1.5  # from 1.5 pi to 4.5 pi, as scikit-learn's make_swiss_roll


class SpiralConfig(PointsConfig):
    deviation: float = Field(0.033, ge=0, description="Standard deviation of the noise; the spiral reaches to 1.9.")


class Spiral(Dataset):
    name = "spiral"
    summary = "Points of the plane: a noisy spiral, a thin set without modes."
    homepage = ""
    license = "Apache-2.0 (drawn by a program)"
    Config = SpiralConfig
    metrics = ("two-sample-test",)

    def target(self) -> Domain:
        return self._drawn("target", self.config.size, 0)

    def target_test(self) -> Domain:
        return self._drawn("target-test", self.config.test_size, 1)

    def spec(self) -> DataSpec:
        return DataSpec({"target": Column((2,), "vector")}, self.task)

    def card(self) -> Mapping[str, Any]:
        return {"deviation": self.config.deviation}

    def _drawn(self, name: str, count: int, part: int) -> Domain:
        random = np.random.default_rng((self.config.data_seed, part))
        angle = TURNS * np.pi * (1 + 2 * random.random(count))
        points = np.stack([np.cos(angle), np.sin(angle)], 1) * (angle / 7.5)[:, None]
        points += random.normal(0, self.config.deviation, points.shape)
        return Domain(name, points.astype(np.float32))


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [Spiral]
