"""`fid` and `kid`: how far the images a method makes are from real ones, on named extractors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Generates, Refines
from ganzoo.metric import Evaluation, Metric, Score
from ganzoo.settings import Settings
from ganzoo_fid.estimate import Estimate
from ganzoo_fid.frechet import frechet_distance
from ganzoo_fid.kernel import kernel_distance

FEWEST = 2_048  # rows below which Inception's covariance of 2,048 features is singular, and FIDs compare badly


class DistanceConfig(Settings):
    """Settings of the distances between distributions of features."""

    extractors: tuple[str, ...] = Field(
        ("gaze", "inception"), description="Feature extractors; each gives a score of its own, named after it."
    )


class FID(Metric):
    name = "fid"
    summary = "Frechet distance between features of the images made and of real ones (Heusel et al. 2017)."
    needs = (Refines, Generates)
    Config = DistanceConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        formula = "squared Frechet distance of fitted Gaussians, float64"
        return _scores(data, "fid", self.config.extractors, frechet_distance, formula)


class KID(Metric):
    name = "kid"
    summary = "Kernel distance between features of the images made and of real ones (Binkowski et al. 2018)."
    needs = (Refines, Generates)
    Config = DistanceConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        formula = "unbiased squared MMD over all pairs, kernel (x.y/D + 1)^3, float64"
        return _scores(data, "kid", self.config.extractors, kernel_distance, formula)


def _scores(
    data: Evaluation,
    name: str,
    extractors: Sequence[str],
    distance: Callable[[np.ndarray, np.ndarray], Estimate],
    formula: str,
) -> list[Score]:
    reference, origin = _reference(data)
    sets = {"method": data.made(), "source-only": data.domain("source").spread(data.samples)}
    scores = []
    for extractor in extractors:
        named = f"{name}[{extractor}]"
        try:
            card = _card(data, extractor, formula, reference, origin)
            real = data.features(extractor, reference)
            for subject, images in sets.items():
                estimate = distance(data.features(extractor, images), real)
                scores.append(_score(named, subject, estimate, len(images), len(reference), card))
        except MetricUnavailableError as error:
            scores.append(Score(named, None, better="lower", reason=str(error)))
    return scores


def _reference(data: Evaluation) -> tuple[Domain, str]:
    """The real images that others are compared with, and the domain they are of: held-out ones where there are any."""
    try:
        origin, real = "target_test", data.domain("target_test")
    except MetricUnavailableError:
        origin, real = "target", data.domain("target")
    return real.spread(data.samples), origin


def _score(
    name: str, subject: str, estimate: Estimate, images: int, real_images: int, card: Mapping[str, Any]
) -> Score:
    fewest = min(images, real_images)
    warning = f"{fewest:,} images; below {FEWEST:,} values depend strongly on the count" if fewest < FEWEST else ""
    return Score(
        name,
        estimate.value,
        subject,
        better="lower",
        low=estimate.low,
        high=estimate.high,
        warning=warning,
        card={**card, "images": images},
    )


def _card(data: Evaluation, extractor: str, formula: str, reference: Domain, origin: str) -> dict[str, Any]:
    return {
        "formula": formula,
        "interval": "95 %, infinitesimal jackknife over images",
        "extractor": {"name": extractor, **data.extractor(extractor).card},
        "reference": origin,
        "reference_images": len(reference),
        "reference_fingerprint": reference.unlabelled().fingerprint(),
        "versions": {package: version(package) for package in ("torch", "numpy")},
    }
