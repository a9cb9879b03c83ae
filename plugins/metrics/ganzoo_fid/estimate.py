"""A number with its uncertainty, and the jackknife that gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NORMAL_95 = 1.959964  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class DistanceEstimate:
    value: float
    standard_error: float  # NaN: there is no data to estimate it
    least: float = -np.inf  # no interval reaches below it

    @property
    def low(self) -> float:
        return max(self.value - NORMAL_95 * self.standard_error, self.least)

    @property
    def high(self) -> float:
        return self.value + NORMAL_95 * self.standard_error


@dataclass(frozen=True)
class Positive(DistanceEstimate):
    """A number above 0. Its interval is normal in the logarithm: small ones err more upwards than downwards."""

    most: float = np.inf  # no interval reaches above it

    @property
    def low(self) -> float:
        return self.value / self._factor

    @property
    def high(self) -> float:
        return min(self.value * self._factor, self.most)

    @property
    def _factor(self) -> float:
        return float(np.exp(NORMAL_95 * self.standard_error / self.value))


@dataclass(frozen=True)
class Share(DistanceEstimate):
    """A share of `count` things. Its interval is Wilson's (1927), which stays within 0 and 1 and is accurate near them.

    Its count is the one at which independent things would have this standard error. At 0 and 1
    there is no such count: there it is Wilson's at `count`, or the normal one if that is wider.
    """

    count: int = 1

    @property
    def low(self) -> float:
        return 1 - Share(1 - self.value, self.standard_error, count=self.count).high

    @property
    def high(self) -> float:
        variance = self.value * (1 - self.value)
        count = variance / self.standard_error**2 if variance and self.standard_error else self.count
        spread = NORMAL_95 * float(np.sqrt(variance / count + NORMAL_95**2 / (4 * count**2)))
        high = (self.value + NORMAL_95**2 / (2 * count) + spread) / (1 + NORMAL_95**2 / count)
        return min(high if variance else max(high, self.value + NORMAL_95 * self.standard_error), 1.0)


def jackknife_error(*influences: np.ndarray) -> float:
    """The standard error of a statistic of independent samples, from the influence of each row of each sample.

    `influences` holds one array [N] for each sample: how much the statistic grows with the weight of a row, times N
    (Efron's infinitesimal jackknife), or how much it changes if the row is left out, times N (the jackknife). A
    bootstrap is not used, because resampled sets repeat a third of their rows and lose as many: with fewer rows than
    features that alone lifts an FID by a third or more (measured in docs/metrics/fid.md), and its spread is no longer
    the spread of the estimate.
    """
    return float(np.sqrt(sum(influence.var() / len(influence) for influence in influences)))
