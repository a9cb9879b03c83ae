"""A number with its uncertainty, and the infinitesimal jackknife that gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NORMAL_95 = 1.959964  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class Estimate:
    value: float
    standard_error: float
    least: float = -np.inf  # no interval reaches below it

    @property
    def low(self) -> float:
        return max(self.value - NORMAL_95 * self.standard_error, self.least)

    @property
    def high(self) -> float:
        return self.value + NORMAL_95 * self.standard_error


def jackknife_error(*influences: np.ndarray) -> float:
    """The standard error of a statistic of independent samples, from the influence of each row of each sample.

    `influences` holds one array [N] for each sample: how much the statistic grows with the weight of a row, times N.
    This is Efron's infinitesimal jackknife. A bootstrap is not used, because resampled sets repeat a third of their
    rows and lose as many: with fewer rows than features that alone moves an FID up by a third or more (measured in
    docs/metrics.md), and its spread is no longer the spread of the estimate.
    """
    return float(np.sqrt(sum(influence.var() / len(influence) for influence in influences)))
