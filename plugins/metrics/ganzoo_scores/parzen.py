"""`parzen`: the log-likelihood of test images under Gaussian kernels on generated ones (Goodfellow et al. 2014)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score, mean_interval
from ganzoo.settings import Settings

ganzoo_contract = 2
CHUNK = 512  # rows of a block of distances
ROUNDS = 10  # of k-means
HELD_OUT = 0.1  # at most this share of the training images chooses the bandwidth


class ParzenConfig(Settings):
    """Settings of the estimate. The defaults are those of the authors' program for MNIST."""

    samples: int = Field(10_000, ge=1, le=100_000, description="Generated images, each of which carries a kernel.")
    test_samples: int = Field(10_000, ge=2, le=100_000, description="Maximum number of test images.")
    held_out: int = Field(1_000, ge=1, description="Training images that choose the bandwidth; at most a tenth.")
    centroids: int = Field(1_000, ge=1, le=100_000, description="Centroids of the control k-means.")
    lowest: float = Field(0.1, gt=0, description="Smallest bandwidth that is tried, of pixels in [0, 1].")
    highest: float = Field(1.0, gt=0, description="Largest bandwidth.")
    bandwidths: int = Field(10, ge=2, le=1_000, description="Bandwidths that are tried, in geometric steps.")

    @model_validator(mode="after")
    def is_a_range(self) -> Self:
        if self.lowest >= self.highest:
            raise ValueError(f"lowest is {self.lowest:g}; it must be smaller than highest ({self.highest:g})")
        return self


class Parzen(Metric):
    """Official protocol: a Gaussian kernel on each generated image, its bandwidth chosen on held-out training images.

    It is no claim of quality, so no direction is better. Two controls stand beside it: kernels on training images
    themselves (`real`) and on their k-means centroids (`k-means`), which are blurred and not samples at all.
    """

    name = "parzen"
    summary = "Log-likelihood of test images under kernels on generated ones, beside training images and k-means."
    needs = (MakesSamples,)
    by_default = False  # slow, and misleading without its controls in view
    Config = ParzenConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        config = self.config
        training, test = data.domain("target"), data.domain("target_test").spread(config.test_samples)
        count = min(config.held_out, int(len(training) * HELD_OUT))
        if not count:
            raise MetricUnavailableError(
                f"the bandwidth is chosen on a tenth of the training images, and there are only {len(training)}"
            )
        held_out, rest = pixels(training.samples[-count:]), training.samples[:-count]
        generated = data.made(config.samples)
        real = rest[np.linspace(0, len(rest) - 1, min(len(generated), len(rest))).round().astype(int)]
        subjects = {
            "method": pixels(generated.samples),
            "real": pixels(real),
            "k-means": centroids(pixels(real), min(config.centroids, len(real))),
        }
        scores = [self._scores(subject, centers, held_out, test) for subject, centers in subjects.items()]
        return [score for each in scores for score in each]

    def _scores(self, subject: str, centers: Tensor, held_out: Tensor, test: Domain) -> list[Score]:
        grid = np.geomspace(self.config.lowest, self.config.highest, self.config.bandwidths)
        bandwidth = best_bandwidth(held_out, centers, grid)
        values = log_likelihood(pixels(test.samples), centers, [bandwidth])[0]
        low, high = mean_interval(values, test.groups) or (None, None)
        at_the_edge = bandwidth in (grid[0], grid[-1])
        warning = f"the bandwidth {bandwidth:.3g} is at the edge of those tried; widen them" if at_the_edge else ""
        card: dict[str, Any] = {
            "measured_on": "target_test", "images": len(test), "fingerprint": test.fingerprint(), "pixels": "[0, 1]",
            "dimensions": centers.shape[1], "centers": len(centers), "bandwidths": [float(each) for each in grid],
            "chosen_on": f"{len(held_out)} held-out training images",
            "interval": "95 % of the mean, normal, over people if there are several, else over images",
        }  # fmt: skip
        error = float(values.std(ddof=1) / math.sqrt(len(values)))
        return [
            Score("parzen_nats", float(values.mean()), subject, "nats", "", low, high, warning=warning, card=card),
            Score("parzen_standard_error", error, subject, "nats", headline=False, card=card),
            Score("parzen_bandwidth", bandwidth, subject, headline=False, card=card),
        ]


def pixels(images: np.ndarray) -> Tensor:
    """uint8 images [N, C, H, W] as float64 rows [N, D] in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).flatten(1).double() / 255


def best_bandwidth(held_out: Tensor, centers: Tensor, grid: np.ndarray) -> float:
    """The bandwidth under which held-out images [N, D] have the largest mean log-likelihood."""
    return float(grid[log_likelihood(held_out, centers, grid).mean(1).argmax()])


def log_likelihood(points: Tensor, centers: Tensor, bandwidths: Sequence[float] | np.ndarray) -> np.ndarray:
    """log of the mean density of N(center, bandwidth^2) over all centers [M, D], in nats.

    For each bandwidth and each point [N, D], summed over its numbers: float64 [len(bandwidths), N].
    """
    middle = centers.mean(0)  # distances of centred rows lose fewer digits
    points, centers = points - middle, centers - middle
    squares = centers.square().sum(1)
    parts = []
    for rows in points.split(CHUNK):
        distance = (rows.square().sum(1, keepdim=True) + squares - 2 * rows @ centers.T).clamp_min(0)
        parts.append(torch.stack([_log_mean_density(distance, each, points.shape[1]) for each in bandwidths]))
    return torch.cat(parts, 1).numpy()


def _log_mean_density(distance: Tensor, bandwidth: float, dimensions: int) -> Tensor:
    """Of squared distances [N, M]."""
    kernels = torch.logsumexp(distance / (-2 * bandwidth**2), 1) - math.log(distance.shape[1])
    return kernels - dimensions * math.log(bandwidth * math.sqrt(2 * math.pi))


def centroids(points: Tensor, count: int) -> Tensor:
    """The centroids [count, D] of Lloyd's k-means on points [N, D], from evenly spaced rows: no noise."""
    centers = points[torch.linspace(0, len(points) - 1, count).round().long()].clone()
    for _ in range(ROUNDS):
        nearest = torch.cat([torch.cdist(rows, centers).argmin(1) for rows in points.split(CHUNK)])
        sums = torch.zeros_like(centers).index_add_(0, nearest, points)
        sizes = nearest.bincount(minlength=count)[:, None]
        centers = torch.where(sizes > 0, sums / sizes.clamp_min(1), centers)
    return centers


@hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    return [Parzen]
