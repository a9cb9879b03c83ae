"""How near generated images are to real ones, on named extractors: the four metrics and their settings."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from pydantic import Field

from ganzoo.dataset import Domain
from ganzoo.metric import Evaluation, Extraction, MakesSamples, Metric, Score
from ganzoo.settings import Settings
from ganzoo_fid.comparing import FeatureDistance, compared, measured
from ganzoo_fid.estimate import DistanceEstimate
from ganzoo_fid.frechet import frechet_distance
from ganzoo_fid.kernel import kernel_distance
from ganzoo_fid.neighbourhoods import density_and_coverage, precision_and_recall

FEWEST = 2_048  # rows below which Inception's covariance of 2,048 features is singular, and FIDs compare badly
INFINITESIMAL = "95 %, infinitesimal jackknife over images"
JACKKNIFE = "95 %, jackknife over images of both sets"
EXTRACTORS = ("gaze", "inception")


class DistanceConfig(Settings):
    """Settings of the distances between distributions of features."""

    extractors: tuple[str, ...] = Field(
        EXTRACTORS, description="Feature extractors; each gives a score, named after it."
    )


class PrecisionRecallConfig(Settings):
    """Settings of precision and recall."""

    extractors: tuple[str, ...] = Field(EXTRACTORS, description="Feature extractors; each gives its own scores.")
    k: int = Field(3, ge=1, description="A ball around an image reaches to its k-th nearest neighbour.")


class DensityCoverageConfig(Settings):
    """Settings of density and coverage."""

    extractors: tuple[str, ...] = Field(EXTRACTORS, description="Feature extractors; each gives its own scores.")
    k: int = Field(5, ge=1, description="A ball around an image reaches to its k-th nearest neighbour.")


def _few(count: int) -> str:
    return f"{count:,} images; below {FEWEST:,} values depend strongly on the count" if count < FEWEST else ""


def _distance(
    name: str, distance: Callable[[np.ndarray, np.ndarray], DistanceEstimate], formula: str
) -> FeatureDistance:
    return FeatureDistance(
        names=(name,),
        measure=lambda fake, real: {name: distance(fake, real)},
        formula=formula,
        interval=INFINITESIMAL,
        better="lower",
        fewest=2,
        warning=lambda fake, real: _few(min(fake, real)),
    )


class FeatureMetric(Metric):
    """Measures a `FeatureDistance` on each extractor that the settings name."""

    needs = (MakesSamples,)

    @property
    @abstractmethod
    def comparison(self) -> FeatureDistance: ...

    def measure(self, data: Evaluation) -> Sequence[Score]:
        return measured(data, self.comparison, self.config.extractors)

    def compare(self, data: Extraction, real: Domain, made: Mapping[str, Domain], origin: str) -> Sequence[Score]:
        return compared(data, self.comparison, self.config.extractors, real, made, origin)


class FID(FeatureMetric):
    name = "fid"
    summary = "Frechet distance between features of generated and real images (Heusel et al. 2017)."
    Config = DistanceConfig
    comparison = _distance("fid", frechet_distance, "squared Frechet distance of fitted Gaussians, float64")


class KID(FeatureMetric):
    name = "kid"
    summary = "Kernel distance between features of generated and real images (Binkowski et al. 2018)."
    Config = DistanceConfig
    comparison = _distance("kid", kernel_distance, "unbiased squared MMD over all pairs, kernel (x.y/D + 1)^3, float64")


class PrecisionRecall(FeatureMetric):
    name = "precision-recall"
    summary = "The share of generated images near real ones, and the reverse (Kynkaanniemi et al. 2019)."
    by_default = False
    Config = PrecisionRecallConfig

    @property
    def comparison(self) -> FeatureDistance:
        k: int = self.config.k
        return FeatureDistance(
            names=("precision", "recall"),
            measure=lambda fake, real: precision_and_recall(fake, real, k),
            formula="share of one set's rows within the k-th neighbour's distance of any row of the other, float64",
            interval=f"{JACKKNIFE}, Wilson",
            better="higher",
            fewest=k + 2,
            warning=_unequal,
            settings={"k": k},
        )


class DensityCoverage(FeatureMetric):
    name = "density-coverage"
    summary = "Generated images per real neighbourhood, and the share of those with any (Naeem et al. 2020)."
    by_default = False
    Config = DensityCoverageConfig

    @property
    def comparison(self) -> FeatureDistance:
        k: int = self.config.k
        return FeatureDistance(
            names=("density", "coverage"),
            measure=lambda fake, real: density_and_coverage(fake, real, k),
            formula="made rows within the k-th neighbour's distance of real rows: their mean number over k, and the "
            "share of real rows that have any; float64",
            interval=f"{JACKKNIFE}; density: log-normal, coverage: Wilson",
            better="higher",
            fewest=k + 2,
            warning=_unequal,
            settings={"k": k},
        )


def _unequal(fake: int, real: int) -> str:
    return f"{fake:,} images against {real:,}: these scores move with either count" if fake != real else ""
