"""The statistics of a visual Turing test: exact for shares, signal detection for bias, a bootstrap over raters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.stats import binom, binomtest, norm

RESAMPLES = 10_000  # as HYPE (Zhou et al. 2019, section 3.3)
FEWEST_RATERS = 5  # for a bootstrap: of fewer, too few different samples can be drawn
Z95 = 1.959964

Interval = tuple[float, float]


@dataclass(frozen=True)
class Share:
    """`right` of `count` answers."""

    right: int
    count: int

    @property
    def value(self) -> float:
        return self.right / self.count

    @property
    def interval(self) -> Interval:
        """The exact 95 % interval (Clopper and Pearson 1934)."""
        found = binomtest(self.right, self.count).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    @property
    def p_one_sided(self) -> float:
        """The probability of as many right answers by guessing."""
        return float(binomtest(self.right, self.count, 0.5, alternative="greater").pvalue)

    @property
    def p_two_sided(self) -> float:
        """The probability of a share as far from one half, on either side, by guessing."""
        return float(binomtest(self.right, self.count, 0.5).pvalue)


@dataclass(frozen=True)
class Detection:
    """Sensitivity and bias of signal detection theory. The signal is a real image, or "left" of a pair.

    `criterion` above 0 is a bias towards "generated", or towards "right".
    """

    d_prime: float
    criterion: float
    d_variance: float  # by the delta method, as if answers were independent
    c_variance: float

    @property
    def d_interval(self) -> Interval:
        return _around(self.d_prime, self.d_variance)

    @property
    def c_interval(self) -> Interval:
        return _around(self.criterion, self.c_variance)


def detection(hits: int, signals: int, false_alarms: int, noises: int, *, paired: bool = False) -> Detection:
    """d' = z(H) - z(F) and c = -(z(H) + z(F)) / 2 with the log-linear correction (k + .5) / (n + 1) (Hautus 1995), so
    that a perfect rater's d' is finite.

    Of pairs ("left" when the real image is on the left is a hit) d' = sqrt(2) z(share right). Variances are those of
    Gourevitch and Galanter (1967).
    """
    counts = np.array([[hits, signals, false_alarms, noises]])
    d, c = (float(each[0]) for each in detections(counts, paired=paired))
    of_hits, of_alarms = _z_variance(hits, signals), _z_variance(false_alarms, noises)
    d_variance = of_hits + of_alarms
    if paired:
        d_variance = 2 * _z_variance(hits + noises - false_alarms, signals + noises)
    return Detection(d, c, d_variance, (of_hits + of_alarms) / 4)


def detections(counts: np.ndarray, *, paired: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """d' and c [N] of counts [N, 4]: hits, signals, false alarms, noises. See `detection`."""
    hits, signals, false_alarms, noises = counts.T
    of_hits, of_alarms = _z(hits, signals), _z(false_alarms, noises)
    d = 2**0.5 * _z(hits + noises - false_alarms, signals + noises) if paired else of_hits - of_alarms
    return d, -(of_hits + of_alarms) / 2


def bootstrap(counts: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], seed: int = 0) -> Interval | None:
    """The 95 % percentile interval of `statistic` of the summed counts [raters, k], over resamples of raters.

    `statistic` maps sums [resamples, k] to [resamples]. None for fewer than five raters.
    """
    raters = len(counts)
    if raters < FEWEST_RATERS:
        return None
    drawn = np.random.default_rng(seed).multinomial(raters, np.full(raters, 1 / raters), size=RESAMPLES)
    low, high = np.percentile(statistic(drawn @ counts), [2.5, 97.5])
    return float(low), float(high)


@cache
def detectable(count: int, power: float = 0.8, level: float = 0.05) -> float | None:
    """The smallest true share that the exact one-sided test of `count` answers finds with that power; None: not even 1.

    To three decimals.
    """
    critical = int(binom.isf(level, count, 0.5)) + 1  # the fewest right answers with p <= level
    if critical > count:
        return None
    shares = np.arange(501, 1001) / 1000
    enough = binom.sf(critical - 1, count, shares) >= power
    return float(shares[np.argmax(enough)]) if enough.any() else None


def answers_needed(share: float, power: float = 0.8, level: float = 0.05) -> int | None:
    """The fewest answers with which the exact one-sided test finds a true share with that power; None: above 50,000.

    The power is a saw-tooth: a few more answers may have a little less.
    """
    counts = np.arange(1, 50_001)
    critical = binom.isf(level, counts, 0.5) + 1
    enough = binom.sf(critical - 1, counts, share) >= power
    return int(counts[np.argmax(enough)]) if enough.any() else None


def _z(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The z-scores of corrected shares."""
    scores: np.ndarray = norm.ppf((k + 0.5) / (n + 1))
    return scores


def _z_variance(k: int, n: int) -> float:
    share = (k + 0.5) / (n + 1)
    return float(share * (1 - share) / ((n + 1) * norm.pdf(norm.ppf(share)) ** 2))


def _around(value: float, variance: float) -> Interval:
    half = Z95 * variance**0.5
    return value - half, value + half
