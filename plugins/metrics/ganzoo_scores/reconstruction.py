"""`reconstruction`: how near a method's reconstructions are to their originals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.capabilities import Reconstructs
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import DomainName, Evaluation, Metric, Score, mean_interval
from ganzoo.settings import Settings

ganzoo_contract = 2
WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004, section III.C
K1, K2 = 0.01, 0.03
ROUNDING = 1 / 12  # the mean squared error of rounding to whole grey levels: no image can have less
CHUNK = 256


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
    total = sum(part.sum(0, dtype=np.float64) for part in _chunks(samples))
    mean: np.ndarray = np.asarray(total) / len(samples)
    return mean.round().astype(np.uint8) if samples.dtype == np.uint8 else mean.astype(np.float32)


def _chunks(samples: np.ndarray) -> Iterator[np.ndarray]:
    return (np.ascontiguousarray(samples[start : start + CHUNK]) for start in range(0, len(samples), CHUNK))


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
    for one, other in zip(_chunks(samples), _chunks(answers), strict=True):
        difference = (one.astype(np.float64) - other).reshape(len(one), -1)
        absolute.append(np.abs(difference).mean(1))
        square.append((difference**2).mean(1))
    return np.concatenate(absolute), np.concatenate(square)


def psnr(square: np.ndarray) -> np.ndarray:
    """The peak signal-to-noise ratio in dB of mean squared errors of 8-bit images; at most 58.9, for equal ones."""
    return 10 * np.log10(255**2 / np.maximum(square, ROUNDING))


def ssim(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The structural similarity of each pair of uint8 images [N, C, H, W]: float64 [N], 1 for equal ones.

    The mean over places where the window lies inside the image, and over channels (Wang et al. 2004, equation 13).
    """
    pairs = zip(_chunks(images), _chunks(others), strict=True)
    parts = [_ssim(*(torch.tensor(each, dtype=torch.float64) for each in pair)) for pair in pairs]
    return torch.cat(parts).numpy()


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    kernels = [_gaussian(min(WINDOW, side)) for side in x.shape[-2:]]

    def blurred(images: Tensor) -> Tensor:
        flat = images.flatten(0, 1)[:, None]
        rows = F.conv2d(flat, kernels[0].view(1, 1, -1, 1))
        return F.conv2d(rows, kernels[1].view(1, 1, 1, -1))

    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    upper = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    lower = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return (upper / lower).mean((1, 2, 3)).view(x.shape[:2]).mean(1)


def _gaussian(size: int) -> Tensor:
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    return weights / weights.sum()


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Reconstruction]
