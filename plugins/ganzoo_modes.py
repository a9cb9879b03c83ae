"""`modes`: which modes of a mixture a generator covers (Srivastava et al. 2017; Lin et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score
from ganzoo.settings import Settings

ganzoo_contract = 2
NEAR = 3.0  # standard deviations within which a sample counts as of high quality


class ModesConfig(Settings):
    samples: int = Field(2_500, ge=1, description="Most generated samples that are looked at.")


class Modes(Metric):
    """A sample has high quality if it lies within 3 standard deviations of the nearest mode; a mode is covered if it
    has such a sample. Real points of the plane reach 98.9 %, 1 - exp(-4.5).

    The reverse Kullback-Leibler divergence is that of the high-quality samples over modes from equal shares: log(8 / m)
    for equal shares of m of 8 modes. The dataset says the mode of each test point in the column `mode_center`.
    """

    name = "modes"
    summary = "Modes of a mixture that generated points cover, the share near a mode, and the divergence of shares."
    needs = (MakesSamples,)
    kinds: ClassVar[tuple[Kind, ...]] = ("vector",)
    Config = ModesConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        test = data.domain("target_test")
        if "mode_center" not in test.extra:
            raise MetricUnavailableError(f"{test.name} does not say of which mode its points are (mode_center)")
        centers = np.unique(test.extra["mode_center"], axis=0).astype(np.float64)
        deviation = float(np.sqrt(((test.samples - test.extra["mode_center"]) ** 2).mean()))
        scores = []
        subjects = {"method": data.made(), "real": test}
        for subject, points in subjects.items():
            looked_at = points.spread(self.config.samples)
            covered, quality, divergence = shares(looked_at.samples, centers, deviation)
            card = {"modes": len(centers), "deviation": round(deviation, 5), "samples": len(looked_at), "near": NEAR,
                    "fingerprint": test.fingerprint()}  # fmt: skip
            scores += [
                Score("modes_covered", float(covered), subject, better="higher", card=card),
                Score("high_quality_share", quality, subject, better="higher", card=card),
                Score("reverse_kl", divergence, subject, unit="nats", better="lower", card=card)
                if divergence is not None
                else Score("reverse_kl", None, subject, unit="nats", better="lower", card=card,
                           reason="no sample lies near any mode"),
            ]  # fmt: skip
        return scores


def shares(points: np.ndarray, centers: np.ndarray, deviation: float) -> tuple[int, float, float | None]:
    """Modes covered, the share of points near a mode, and the divergence of the modes' shares from equal ones.

    `points` [N, D], `centers` [K, D]. The divergence is None if no point is near a mode.
    """
    distance = np.linalg.norm(points[:, None].astype(np.float64) - centers[None], axis=2)
    near = distance.min(1) < NEAR * deviation
    counts = np.bincount(distance.argmin(1)[near], minlength=len(centers))
    if not near.any():
        return 0, 0.0, None
    share = counts[counts > 0] / counts.sum()
    return int((counts > 0).sum()), float(near.mean()), float((share * np.log(share * len(centers))).sum())


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Modes]
