"""Means, intervals and tests over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

SIGNIFICANT = 0.05
ALIKE = 1e-9  # relative to their size: a smaller variation is rounding error


def mean_interval(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and half the width of its 95 % t-interval; None for a single value.

    The interval has a coverage of 95 % if the values are normal. For n values the half-width is t(n - 1) standard
    errors: 12.7 for two values, 4.3 for three, 2.8 for five. If the values differ only by rounding, it is 0.
    """
    count = len(values)
    if count < 2:
        return float(np.mean(values)), None
    if np.ptp(values) <= ALIKE * np.abs(values).max():
        return float(np.mean(values)), 0.0
    error = np.std(values, ddof=1) / np.sqrt(count)
    return float(np.mean(values)), float(stats.t.ppf(0.975, count - 1) * error)


def paired_p(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The two-sided p-value of a paired t-test, pairs in order.

    None for fewer than two pairs, or if the differences do not vary: then their variance is unknown.
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    size = np.abs([*first, *second]).max(initial=0.0)
    if len(difference) < 2 or np.ptp(difference) <= ALIKE * size:
        return None
    return float(stats.ttest_rel(first, second).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests with Holm's correction (1979), which controls the family-wise error rate."""
    count = len(p_values)
    adjusted, highest = [0.0] * count, 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        highest = max(highest, min(1.0, (count - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The indices of the points that no other point dominates; lower is better in both coordinates."""
    return [
        index
        for index, (x, y) in enumerate(points)
        if not any(a <= x and b <= y and (a < x or b < y) for a, b in points)
    ]
