"""`ring`: eight Gaussians on a circle, the usual test for mode collapse (Metz et al. 2017, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset
from ganzoo_toy.points import Mixture, PointsConfig

ganzoo_contract = 2


class RingConfig(PointsConfig):
    modes: int = Field(8, ge=1, le=1_000, description="Gaussians on the circle.")
    radius: float = Field(2.0, gt=0, description="Radius of the circle.")
    deviation: float = Field(0.02, gt=0, description="Standard deviation of each Gaussian.")


class Ring(Mixture):
    name = "ring"
    summary = "Points of the plane: eight narrow Gaussians on a circle. A generator that collapses misses some."
    homepage = ""
    license = "Apache-2.0 (drawn by a program)"
    Config = RingConfig

    def centers(self) -> np.ndarray:
        angles = 2 * np.pi * np.arange(self.config.modes) / self.config.modes
        return self.config.radius * np.stack([np.cos(angles), np.sin(angles)], 1)


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [Ring]
