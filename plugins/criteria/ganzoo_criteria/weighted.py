"""`weighted-source-risk`: the error on the source, with each image weighted by how likely it is in the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.errors import CriterionUnavailableError
from ganzoo.settings import Settings
from ganzoo_criteria.density_ratio import density_ratio, effective_share, principal_components
from ganzoo_criteria.measures import vectors

ganzoo_contract = 2
HEIGHT, WIDTH = 16, 24  # pixels of an image in the space of images, at most


class WeightedSourceRiskConfig(Settings):
    """Settings of `weighted-source-risk`."""

    space: Literal["images", "predictions"] = Field(
        "images", description="Where the densities are compared: principal components of pixels, or predictions."
    )
    dimensions: int = Field(4, ge=1, description="Number of principal components of the images.")
    penalty: float = Field(1.0, gt=0, description="L2 penalty of the domain classifier's weights.")
    largest: float = Field(10.0, gt=1, description="Weights are cut off at this multiple of their mean.")
    least_effective: float = Field(
        0.05, ge=0, le=1, description="Effective sample size, as a share of the images, below which there is no value."
    )


class WeightedSourceRisk(Criterion):
    """Importance-weighted validation (Sugiyama et al. 2007), in the unit of the task's error.

    The weights are the ratio of the densities of target and source, from a logistic regression that tells them apart;
    the mean is normalised by the sum of weights. If the domains hardly overlap, a few images decide, and the value is
    left out: the effective sample size is (sum w)^2 / sum w^2. Between 4,000 rendered eyes and person p00 of MPIIGaze
    it is 17 % of the images with 2 principal components, 12 % with 4, 5 % with 8 and 3 % with 16.
    """

    name = "weighted-source-risk"
    summary = "Error on the source, weighted by the density of the target; left out if too few images count."
    better = "lower"
    Config = WeightedSourceRiskConfig

    def read(self, candidate: Candidate) -> Reading:
        source, target = self._points(candidate)
        weights = density_ratio(source, target, penalty=self.config.penalty)
        weights = np.minimum(weights, self.config.largest * weights.mean())
        share = effective_share(weights)
        if share < self.config.least_effective:
            raise CriterionUnavailableError(
                f"too few source images resemble the target: the effective sample size is {share:.1%} of "
                f"{len(weights)}, and less than {self.config.least_effective:.0%} is not trusted"
            )
        given = (candidate.source_predictions, candidate.source_labels)
        losses = candidate.task.error(*(torch.from_numpy(np.array(each, np.float64)) for each in given)).numpy()
        risk = float((weights * losses).sum() / weights.sum())
        return Reading(risk, candidate.task.unit, {"effective_share": share, "images": len(weights)})

    def _points(self, candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
        """Where the densities are compared: [N, D] and [M, D]."""
        if self.config.space == "predictions":
            given = candidate.source_predictions, candidate.target_predictions
            return vectors(candidate.task, given[0]), vectors(candidate.task, given[1])
        source, target = _small(candidate.source_images), _small(candidate.target_images)
        return principal_components(source, target, self.config.dimensions)


def _small(images: np.ndarray) -> np.ndarray:
    """Samples as float64 rows; images are reduced to few pixels, which hold what the first components show."""
    if images.ndim != 4:
        return images.reshape(len(images), -1).astype(np.float64)
    size = min(images.shape[-2], HEIGHT), min(images.shape[-1], WIDTH)
    parts = [images[at : at + 1_024] for at in range(0, len(images), 1_024)]
    made = [F.interpolate(torch.from_numpy(np.array(part)).float(), size=size, mode="area") for part in parts]
    found: np.ndarray = torch.cat(made).flatten(1).double().numpy()
    return found


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [WeightedSourceRisk]
