"""What the metrics of this plugin share: extract features of two sets of images, compare them, and write the cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import isnan
from typing import Any, Literal

import numpy as np

from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, Extraction, Score
from ganzoo_fid.estimate import DistanceEstimate


@dataclass(frozen=True)
class FeatureDistance:
    """A way to compare features [M, D] with those of real images [N, D], and what its scores state about it."""

    names: Sequence[str]  # of the scores, without the extractor
    measure: Callable[[np.ndarray, np.ndarray], Mapping[str, DistanceEstimate]]
    formula: str
    interval: str
    better: Literal["lower", "higher"]
    fewest: int  # images of either set that it needs
    warning: Callable[[int, int], str]  # of the counts of both sets; empty: none
    settings: Mapping[str, Any] = field(default_factory=dict)  # such as k


def measured(data: Evaluation, comparison: FeatureDistance, extractors: Sequence[str]) -> list[Score]:
    """The method's images, and the unchanged synthetic images, compared with real images.

    The real images are held-out ones if there are any.
    """
    try:
        origin, real = "target_test", data.domain("target_test")
    except MetricUnavailableError:
        origin, real = "target", data.domain("target")
    made = {"method": data.made(), **_as_it_is(data)}
    return compared(data, comparison, extractors, real.spread(data.samples), made, origin)


def _as_it_is(data: Evaluation) -> Mapping[str, Domain]:
    """The baseline that does nothing: the synthetic images, if the data have any."""
    try:
        return {"source-only": data.domain("source").spread(data.samples)}
    except MetricUnavailableError:
        return {}


def compared(
    data: Extraction,
    comparison: FeatureDistance,
    extractors: Sequence[str],
    real: Domain,
    made: Mapping[str, Domain],
    origin: str,
) -> list[Score]:
    """The scores of each subject's images on each extractor; without a value, and with the reason, where it fails."""
    scores = []
    for extractor in extractors:
        try:
            for images in (real, *made.values()):
                _check_count(comparison, images)
            card = _card(data, comparison, extractor, real, origin)
            features = data.features(extractor, real, keep=True)
            for subject, images in made.items():
                found = comparison.measure(data.features(extractor, images), features)
                counted = {**card, "images": len(images)}
                warning = comparison.warning(len(images), len(real))
                for name, estimate in found.items():
                    named = f"{name}[{extractor}]"
                    scores.append(_score(named, estimate, subject, comparison.better, warning, counted))
        except MetricUnavailableError as error:
            names = [f"{name}[{extractor}]" for name in comparison.names]
            scores += [Score(name, None, better=comparison.better, reason=str(error)) for name in names]
    return scores


def _check_count(comparison: FeatureDistance, images: Domain) -> None:
    if len(images) < comparison.fewest:
        raise MetricUnavailableError(
            f"it needs {comparison.fewest} images of each set at least, and of {images.name} there "
            + (f"are {len(images)}" if len(images) > 1 else "is one")
        )


def _score(
    name: str,
    estimate: DistanceEstimate,
    subject: str,
    better: Literal["lower", "higher"],
    warning: str,
    card: Mapping[str, Any],
) -> Score:
    known = not isnan(estimate.standard_error)
    low, high = (estimate.low, estimate.high) if known else (None, None)
    return Score(name, estimate.value, subject, better=better, low=low, high=high, warning=warning, card=card)


def _card(data: Extraction, comparison: FeatureDistance, extractor: str, real: Domain, origin: str) -> dict[str, Any]:
    return {
        "formula": comparison.formula,
        **comparison.settings,
        "interval": comparison.interval,
        "extractor": {"name": extractor, **data.extractor(extractor).card},
        "reference": origin,
        "reference_images": len(real),
        "reference_fingerprint": real.unlabelled().fingerprint(),
        "versions": {package: version(package) for package in ("torch", "numpy")},
    }
