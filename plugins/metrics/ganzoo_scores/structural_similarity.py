"""Structural similarity of images at one scale (Wang et al. 2004) and at several (Wang et al. 2003)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004, section III.C
K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, section 3.2: from fine to coarse
SMALLEST = 7  # pixels of a side at the coarsest scale, and of its window
CHUNK = 256


def chunks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in parts: a memory map may exceed the memory."""
    return (np.ascontiguousarray(samples[start : start + CHUNK]) for start in range(0, len(samples), CHUNK))


def ssim(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The structural similarity of each pair of uint8 images [N, C, H, W]: float64 [N], 1 for equal ones.

    The mean over places where the window lies inside the image, and over channels (Wang et al. 2004, equation 13).
    """
    window = (min(WINDOW, images.shape[2]), min(WINDOW, images.shape[3]))
    return _of_pairs(lambda x, y: _similarity(x, y, window)[0].mean(1), images, others)


def ms_ssim(images: np.ndarray, others: np.ndarray, *, scales: int, window: int) -> np.ndarray:
    """The same over several scales, each half as large as the one before: float64 [N], in [0, 1].

    The product over scales of the contrast and structure terms, and of the luminance term at the coarsest, each to the
    power of its weight (Wang et al. 2003, equation 7); the weights of fewer than five scales are scaled to a sum of 1.
    Negative terms count as 0.
    """
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])

    def similarity(x: Tensor, y: Tensor) -> Tensor:
        product = torch.ones(x.shape[:2], dtype=x.dtype)
        for scale, weight in enumerate(weights, 1):
            whole, without_luminance = _similarity(x, y, (window, window))
            term = whole if scale == scales else without_luminance
            product = product * term.clamp_min(0) ** float(weight)
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        return product.mean(1)

    return _of_pairs(similarity, images, others)


def scales_and_window(rows: int, columns: int) -> tuple[int, int]:
    """How many scales fit an image, at most five, and the size of the window, at most 11 pixels.

    Images of 36 x 60 pixels have three scales (36, 18 and 9 rows) and a window of 9 pixels; the published five scales
    with 11 pixels need 176.
    """
    side = min(rows, columns)
    scales = max([1, *(count for count in range(2, len(SCALE_WEIGHTS) + 1) if side >> (count - 1) >= SMALLEST)])
    window = min(WINDOW, side >> (scales - 1))
    return scales, window - (1 - window % 2 if window > 1 else 0)


def _of_pairs(similarity: Callable[[Tensor, Tensor], Tensor], images: np.ndarray, others: np.ndarray) -> np.ndarray:
    pairs = zip(chunks(images), chunks(others), strict=True)
    parts = [similarity(*(torch.tensor(each, dtype=torch.float64) for each in pair)) for pair in pairs]
    return torch.cat(parts).numpy()


def _similarity(x: Tensor, y: Tensor, window: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The mean similarity of images [N, C, H, W], and the same without its luminance term: each [N, C]."""
    kernels = [_gaussian(side) for side in window]

    def blurred(images: Tensor) -> Tensor:
        flat = images.flatten(0, 1)[:, None]
        rows = F.conv2d(flat, kernels[0].view(1, 1, -1, 1))
        return F.conv2d(rows, kernels[1].view(1, 1, 1, -1))

    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    structure = (2 * covariance + c2) / (var_x + var_y + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    whole, part = (each.mean((1, 2, 3)).view(x.shape[:2]) for each in (luminance * structure, structure))
    return whole, part


def _gaussian(size: int) -> Tensor:
    places = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    return weights / weights.sum()
