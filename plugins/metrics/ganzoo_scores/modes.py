"""`modes`: which modes of a mixture a generator covers (Srivastava et al. 2017; Lin et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score, share_interval
from ganzoo.settings import Settings

ganzoo_contract = 2
NEAR = 3.0  # standard deviations within which a sample has high quality


class ModesConfig(Settings):
    samples: int = Field(2_500, ge=1, le=100_000, description="Samples that are generated for it, and real ones.")


@dataclass(frozen=True)
class Coverage:
    """How samples are spread over the modes."""

    covered: int  # modes that have a sample of high quality
    near: int  # samples of high quality
    divergence: float | None  # from equal shares; None if no sample has high quality


class Modes(Metric):
    """A sample has high quality if it lies within 3 standard deviations of the nearest mode; a mode is covered if it
    has such a sample. Real points of the plane reach 98.9 %, 1 - exp(-4.5).

    The reverse Kullback-Leibler divergence compares the shares of the modes among samples of high quality with equal
    shares: log(8 / m) for equal shares of m of 8 modes. The dataset's card gives `mode_centers` [K, D] and
    `mode_deviation`. The baseline `real` is the held-out data.
    """

    name = "modes"
    summary = "Modes of a mixture that generated points cover, the share near a mode, and the divergence of shares."
    needs = (MakesSamples,)
    by_default = False  # measured on datasets that ask for it
    kinds: ClassVar[tuple[Kind, ...]] = ("vector",)
    Config = ModesConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        said = data.dataset_card()
        if "mode_centers" not in said or "mode_deviation" not in said:
            raise MetricUnavailableError("the dataset has no known modes (mode_centers and mode_deviation in its card)")
        centers, deviation = np.array(said["mode_centers"], np.float64), float(said["mode_deviation"])
        try:
            real = data.domain("target_test")
        except MetricUnavailableError:
            real = data.domain("target")
        count = self.config.samples
        subjects = {"method": data.made(count), "real": real.spread(count)}
        card = {"modes": len(centers), "deviation": deviation, "near": NEAR, "interval": "95 % Wilson over samples"}
        return [
            score
            for subject, points in subjects.items()
            for score in _scores(
                subject, coverage(points.samples, centers, deviation), {**card, "samples": len(points)}
            )
        ]


def coverage(points: np.ndarray, centers: np.ndarray, deviation: float) -> Coverage:
    """How points [N, D] are spread over modes with these centres [K, D]."""
    distance = np.linalg.norm(points[:, None].astype(np.float64) - centers[None], axis=2)
    near = distance.min(1) < NEAR * deviation
    counts = np.bincount(distance.argmin(1)[near], minlength=len(centers))
    share = counts[counts > 0] / max(1, counts.sum())
    divergence = float((share * np.log(share * len(centers))).sum()) if near.any() else None
    return Coverage(int((counts > 0).sum()), int(near.sum()), divergence)


def _scores(subject: str, found: Coverage, card: dict[str, Any]) -> list[Score]:
    low, high = share_interval(found.near, card["samples"])
    reason = "" if found.divergence is not None else "no sample lies near a mode"
    return [
        Score("modes_covered", found.covered, subject, better="higher", card=card),
        Score("high_quality_share", found.near / card["samples"], subject, better="higher", low=low, high=high,
              card=card),
        Score("reverse_kl", found.divergence, subject, unit="nats", better="lower", reason=reason, card=card),
    ]  # fmt: skip


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Modes]
