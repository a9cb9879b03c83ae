"""`modes`: which modes of a mixture a generator covers (Srivastava et al. 2017; Lin et al. 2018, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score, share_interval
from ganzoo.settings import Settings
from ganzoo_scores.digit_network import DIGITS, digit_network, read_digits

ganzoo_contract = 2
NEAR = 3.0  # standard deviations within which a sample has high quality


class ModesConfig(Settings):
    samples: int = Field(
        0, ge=0, le=100_000, description="Samples that are generated for it, and real ones; 0: the usual number, which "
        "is 2,500 points or 26,000 stacked digits.",
    )  # fmt: skip
    network_seed: int = Field(0, ge=0, description="Seed of the network that reads stacked digits.")


@dataclass(frozen=True)
class Coverage:
    """How samples are spread over the modes."""

    covered: int  # modes that have a sample of high quality
    near: int  # samples of high quality; all, of images
    divergence: float | None  # from equal shares; None if no sample has high quality


class Modes(Metric):
    """Of points, a sample has high quality if it lies within 3 standard deviations of the nearest mode; a mode is
    covered if it has such a sample. Real points of the plane reach 98.9 %, 1 - exp(-4.5).

    The reverse Kullback-Leibler divergence compares the shares of the modes among samples of high quality with equal
    shares: log(8 / m) for equal shares of m of 8 modes. The dataset's card gives `mode_centers` [K, D] and
    `mode_deviation`. The baseline `real` is the held-out data.

    Of stacked digits (a column `digits` of the target), the mode of an image is the digits that a classifier reads from
    its channels; there is no share of high quality, because a classifier reads a digit from anything. The classifier
    is trained on the single digits of the training images, and its accuracy on those of the test images is in the card:
    its errors add modes.
    """

    name = "modes"
    summary = "Modes of a mixture that generated points cover, the share near a mode, and the divergence of shares."
    needs = (MakesSamples,)
    by_default = False  # measured on datasets that ask for it
    kinds: ClassVar[tuple[Kind, ...]] = ("vector", "image")
    Config = ModesConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        if data.spec.sample.kind == "image":
            return self._of_digits(data)
        said = data.dataset_card()
        if "mode_centers" not in said or "mode_deviation" not in said:
            raise MetricUnavailableError("the dataset has no known modes (mode_centers and mode_deviation in its card)")
        centers, deviation = np.array(said["mode_centers"], np.float64), float(said["mode_deviation"])
        real, count = _real(data), self.config.samples or 2_500
        subjects = {"method": data.made(count), "real": real.spread(count)}
        card = {"modes": len(centers), "deviation": deviation, "near": NEAR, "interval": "95 % Wilson over samples"}
        scores = []
        for subject, points in subjects.items():
            found, own = coverage(points.samples, centers, deviation), {**card, "samples": len(points)}
            low, high = share_interval(found.near, len(points))
            scores += [
                *_scores(subject, found, own),
                Score("high_quality_share", found.near / len(points), subject, better="higher", low=low, high=high,
                      card=own),
            ]  # fmt: skip
        return scores

    def _of_digits(self, data: Evaluation) -> Sequence[Score]:
        train, real = data.domain("target"), _real(data)
        if not {"digits"} <= train.extra.keys() & real.extra.keys():
            raise MetricUnavailableError("modes of images are known of stacked digits only (a column `digits`)")
        network = digit_network(data, train, self.config.network_seed)
        count = self.config.samples or 26_000
        answers = read_digits(data, network, real.images)
        channels = answers.shape[1]
        card = {"modes": DIGITS**channels, "classifier_seed": self.config.network_seed,
                "classifier_accuracy": float((answers == real.extra["digits"]).mean())}  # fmt: skip
        subjects = {"method": read_digits(data, network, data.made(count).images), "real": answers[:count]}
        return [
            score
            for subject, digits in subjects.items()
            for score in _scores(subject, coverage_of_digits(digits), {**card, "samples": len(digits)})
        ]


def _real(data: Evaluation) -> Domain:
    try:
        return data.domain("target_test")
    except MetricUnavailableError:
        return data.domain("target")


def coverage(points: np.ndarray, centers: np.ndarray, deviation: float) -> Coverage:
    """How points [N, D] are spread over modes with these centres [K, D]."""
    distance = np.linalg.norm(points[:, None].astype(np.float64) - centers[None], axis=2)
    near = distance.min(1) < NEAR * deviation
    return _counted(np.bincount(distance.argmin(1)[near], minlength=len(centers)))


def coverage_of_digits(digits: np.ndarray) -> Coverage:
    """How stacked digits [N, channels] are spread over all combinations."""
    channels = digits.shape[1]
    numbers = digits @ DIGITS ** np.arange(channels)
    return _counted(np.bincount(numbers, minlength=DIGITS**channels))


def _counted(counts: np.ndarray) -> Coverage:
    """The coverage by samples of high quality of which each mode has a number."""
    share = counts[counts > 0] / max(1, counts.sum())
    divergence = float((share * np.log(share * len(counts))).sum()) if counts.any() else None
    return Coverage(int((counts > 0).sum()), int(counts.sum()), divergence)


def _scores(subject: str, found: Coverage, card: dict[str, Any]) -> list[Score]:
    reason = "" if found.divergence is not None else "no sample lies near a mode"
    return [
        Score("modes_covered", found.covered, subject, better="higher", card=card),
        Score("reverse_kl", found.divergence, subject, unit="nats", better="lower", reason=reason, card=card),
    ]


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Modes]
