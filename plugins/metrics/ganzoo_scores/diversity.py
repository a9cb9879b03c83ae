"""`diversity`: how similar generated images are to each other (Odena et al. 2017, section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score, mean_interval
from ganzoo.settings import Settings
from ganzoo_scores.structural_similarity import K1, K2, SCALE_WEIGHTS, SIGMA, ms_ssim, scales_and_window

ganzoo_contract = 2
SEED = 0  # of the pairs: the same for every run


class DiversityConfig(Settings):
    pairs: int = Field(1_000, ge=2, le=100_000, description="Most pairs of images; no image is in two of them.")


class Diversity(Metric):
    """The mean MS-SSIM (Wang et al. 2003) of random pairs of images: 1 if all images are equal.

    A value above that of real images, the baseline `real`, means that generated images are less diverse than these;
    noise has a value far below. Scales and window fit the size of the images, so values of different sizes differ.
    """

    name = "diversity"
    summary = "Mean MS-SSIM of random pairs of generated images, beside that of real ones: 1 if all are equal."
    needs = (MakesSamples,)
    by_default = False
    Config = DiversityConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        try:
            origin, real = "target_test", data.domain("target_test")
        except MetricUnavailableError:
            origin, real = "target", data.domain("target")
        subjects = {"method": data.made(), "real": real.spread(data.samples)}
        scales, window = scales_and_window(*data.spec.image_shape[1:])
        card: dict[str, Any] = {"scales": scales, "scale_weights": SCALE_WEIGHTS[:scales], "window": window,
                                "sigma": SIGMA, "k1": K1, "k2": K2, "reference": origin, "seed_of_pairs": SEED,
                                "interval": "95 % of the mean, normal, over pairs"}  # fmt: skip
        return [_score(subject, images, self.config.pairs, card) for subject, images in subjects.items()]


def pair_similarities(images: np.ndarray, most: int) -> np.ndarray:
    """MS-SSIM of at most this number of random pairs of uint8 images [N, C, H, W] without a common image: float64."""
    order = np.random.default_rng(SEED).permutation(len(images))
    count = min(most, len(images) // 2)
    first, second = order[: 2 * count].reshape(2, count)
    scales, window = scales_and_window(*images.shape[2:])
    return ms_ssim(images[first], images[second], scales=scales, window=window)


def _score(subject: str, images: Domain, most: int, card: dict[str, Any]) -> Score:
    if len(images) < 2:
        return Score("pair_ms_ssim", None, subject, reason=f"of {images.name} there is one image", card=card)
    values = pair_similarities(images.images, most)
    low, high = mean_interval(values) or (None, None)
    card = {**card, "pairs": len(values), "images": len(images)}
    return Score("pair_ms_ssim", float(values.mean()), subject, low=low, high=high, card=card)


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Diversity]
