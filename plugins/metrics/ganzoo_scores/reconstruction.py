"""`reconstruction`: how near a method's reconstructions are to their originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.capabilities import Reconstructs
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import DomainName, Evaluation, Metric, Score, mean_interval
from ganzoo.settings import Settings
from ganzoo_scores.structural_similarity import K1, K2, SIGMA, WINDOW, chunks, ssim

ganzoo_contract = 2
ROUNDING = 1 / 12  # the mean squared error of rounding to whole grey levels: no image can have less


class NoSettings(Settings):
    """No settings."""


class Reconstruction(Metric):
    """PSNR (peak signal-to-noise ratio, of the mean squared error of each image), SSIM (Wang et al. 2004, a Gaussian
    window of 11 pixels with deviation 1.5, smaller if an image is) and the mean absolute error, on held-out images
    if there are any. The baseline `mean` returns the mean training image.
    """

    name = "reconstruction"
    summary = "PSNR, SSIM and mean absolute error between images and their reconstructions."
    needs = (Reconstructs,)
    by_default = False  # measured on datasets that ask for it
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = NoSettings

    def measure(self, data: Evaluation) -> Sequence[Score]:
        origin, images = _held_out(data)
        mean = _mean(data.domain("target").samples)
        answers = {
            "method": data.applied("reconstruct", origin).samples,
            "mean": np.broadcast_to(mean, images.samples.shape),
        }
        card: dict[str, Any] = {"measured_on": origin, "images": len(images), "fingerprint": images.fingerprint(),
                                "interval": "95 % of the mean, normal, over people if there are several, else over "
                                "images"}  # fmt: skip
        return [
            score
            for subject, answer in answers.items()
            for score in scores_of(subject, images.samples, answer, images.groups, card)
        ]


def _held_out(data: Evaluation) -> tuple[DomainName, Domain]:
    try:
        return "target_test", data.sampled("target_test")
    except MetricUnavailableError:
        return "target", data.sampled("target")


def _mean(samples: np.ndarray) -> np.ndarray:
    """In parts: a memory map may exceed the memory."""
    total = sum(part.sum(0, dtype=np.float64) for part in chunks(samples))
    mean: np.ndarray = np.asarray(total) / len(samples)
    return mean.round().astype(np.uint8) if samples.dtype == np.uint8 else mean.astype(np.float32)


def scores_of(
    subject: str, samples: np.ndarray, answers: np.ndarray, groups: np.ndarray | None, card: Mapping[str, Any]
) -> list[Score]:
    """The scores of one subject's reconstructions, row for row."""

    def score(name: str, values: np.ndarray, unit: str, better: Literal["lower", "higher"], **more: object) -> Score:
        low, high = mean_interval(values, groups) or (None, None)
        return Score(name, float(values.mean()), subject, unit, better, low, high, card={**card, **more})

    absolute, square = errors(samples, answers)
    if samples.dtype != np.uint8:
        return [score("reconstruction_mae", absolute, "", "lower")]
    window = [min(WINDOW, side) for side in samples.shape[2:]]
    return [
        score("psnr_db", psnr(square), "dB", "higher", peak=255),
        score("ssim", ssim(samples, answers), "", "higher", window=window, sigma=SIGMA, k1=K1, k2=K2),
        score("reconstruction_mae", absolute, "grey levels", "lower"),
    ]


def errors(samples: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean absolute and the mean squared difference of each pair of rows: float64 [N]."""
    absolute, square = [], []
    for one, other in zip(chunks(samples), chunks(answers), strict=True):
        difference = (one.astype(np.float64) - other).reshape(len(one), -1)
        absolute.append(np.abs(difference).mean(1))
        square.append((difference**2).mean(1))
    return np.concatenate(absolute), np.concatenate(square)


def psnr(square: np.ndarray) -> np.ndarray:
    """The peak signal-to-noise ratio in dB of mean squared errors of 8-bit images; at most 58.9, for equal ones."""
    return 10 * np.log10(255**2 / np.maximum(square, ROUNDING))


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Reconstruction]
