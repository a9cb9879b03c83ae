"""`reconstruction`: how near a method's reconstructions are to their originals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.capabilities import Reconstructs
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import DomainName, Evaluation, Metric, Score
from ganzoo.settings import Settings

ganzoo_contract = 2
WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004, section III.C
K1, K2 = 0.01, 0.03
CHUNK = 256


class NoSettings(Settings):
    """There is nothing to set."""


class Reconstruction(Metric):
    """PSNR (peak signal-to-noise ratio, of the mean squared error of each image), SSIM (Wang et al. 2004, a Gaussian
    window of 11 pixels with deviation 1.5, smaller if an image is) and the mean absolute error, on held-out images
    if there are any. The rival `mean` answers with the mean training image.
    """

    name = "reconstruction"
    summary = "PSNR, SSIM and mean absolute error between images and their reconstructions."
    needs = (Reconstructs,)
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = NoSettings

    def measure(self, data: Evaluation) -> Sequence[Score]:
        origin, images = _held_out(data)
        made = data.applied("reconstruct", origin).samples
        mean = _mean(data.domain("target").samples)
        rival = np.broadcast_to(mean, images.samples.shape)
        card: dict[str, object] = {"measured_on": origin, "images": len(images), "fingerprint": images.fingerprint(),
                "ssim": f"Gaussian window of {WINDOW}, sigma {SIGMA}, K1 {K1}, K2 {K2}",
                "interval": "95 % of the mean over images, normal"}  # fmt: skip
        return [
            score
            for subject, answer in {"method": made, "mean": rival}.items()
            for score in _scores(subject, images.samples, answer, card)
        ]


def _held_out(data: Evaluation) -> tuple[DomainName, Domain]:
    try:
        return "target_test", data.sampled("target_test")
    except MetricUnavailableError:
        return "target", data.sampled("target")


def _mean(samples: np.ndarray) -> np.ndarray:
    mean = samples.mean(0, dtype=np.float64)
    return mean.round().astype(np.uint8) if samples.dtype == np.uint8 else mean.astype(np.float32)


def _scores(subject: str, images: np.ndarray, made: np.ndarray, card: dict[str, object]) -> list[Score]:
    difference = (images.astype(np.float64) - made).reshape(len(images), -1)
    absolute = np.abs(difference).mean(1)
    if images.dtype != np.uint8:
        return [_score("reconstruction_mae", absolute, subject, "", "lower", card)]
    square = np.maximum((difference**2).mean(1), 1e-12)
    return [
        _score("psnr_db", 10 * np.log10(255**2 / square), subject, "dB", "higher", card),
        _score("ssim", ssim(images, made), subject, "", "higher", card),
        _score("reconstruction_mae", absolute, subject, "grey levels", "lower", card),
    ]


def _score(name: str, values: np.ndarray, subject: str, unit: str, better: str, card: dict[str, object]) -> Score:
    mean, half = float(values.mean()), float(1.96 * values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else 0.0
    return Score(name, mean, subject, unit, better, mean - half, mean + half, card=card)  # type: ignore[arg-type]


def ssim(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The structural similarity of each pair of uint8 images [N, C, H, W]: float64 [N], 1 for equal ones.

    The mean over places where the window lies inside the image, and over channels (Wang et al. 2004, equation 13).
    """
    parts = []
    for start in range(0, len(images), CHUNK):
        pair = [torch.tensor(np.asarray(each[start : start + CHUNK]), dtype=torch.float64) for each in (images, others)]
        parts.append(_ssim(*pair))
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
