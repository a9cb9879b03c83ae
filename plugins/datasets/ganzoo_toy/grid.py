"""`grid`: 25 Gaussians on a square grid (Srivastava et al. 2017; Lin et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Dataset
from ganzoo_toy.points import Mixture, PointsConfig

ganzoo_contract = 2


class GridConfig(PointsConfig):
    side: int = Field(5, ge=1, le=100, description="Gaussians along each side.")
    spacing: float = Field(2.0, gt=0, description="Distance between neighbours.")
    deviation: float = Field(0.05, gt=0, description="Standard deviation of each Gaussian.")


class Grid(Mixture):
    name = "grid"
    summary = "Points of the plane: 25 narrow Gaussians on a square grid."
    homepage = ""
    license = "Apache-2.0 (drawn by a program)"
    Config = GridConfig

    def centers(self) -> np.ndarray:
        places = (np.arange(self.config.side) - (self.config.side - 1) / 2) * self.config.spacing
        return np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)


@hookimpl
def ganzoo_datasets() -> Sequence[type[Dataset]]:
    return [Grid]
