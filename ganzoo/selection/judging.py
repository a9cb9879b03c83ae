"""How well a criterion orders runs whose true errors are known: rank correlation and regret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

RESAMPLES, SEED = 1_000, 0
LEAST = 3  # runs, without which there is no order to speak of


@dataclass(frozen=True)
class JudgedRun:
    """A run with the value of one criterion, oriented so that lower is better, and its true error."""

    name: str
    family: str
    value: float
    error: float


@dataclass(frozen=True)
class Judgement:
    """What is known about one criterion on one set of runs. Errors are in the task's unit."""

    criterion: str
    runs: int
    families: int
    spearman: float | None  # of the value with the true error; positive is right. None: all values are equal
    low: float | None  # 95 % bootstrap interval: families are drawn, and in each its runs
    high: float | None
    within: float | None  # mean over families of three runs and more of their own correlation
    between: float | None  # correlation of the families' means, for three families and more
    left_out: tuple[float, float] | None  # lowest and highest correlation when one family is left out
    chosen: str  # the run with the best value
    chosen_error: float
    best_error: float
    mean_error: float
    regret_left_out: float | None  # mean regret when one family is left out

    @property
    def regret(self) -> float:
        """The error of the chosen run less the lowest error."""
        return self.chosen_error - self.best_error

    @property
    def against_mean(self) -> float:
        """The error of the chosen run less the mean error of all: negative if choosing helped."""
        return self.chosen_error - self.mean_error


def judge(criterion: str, runs: Sequence[JudgedRun]) -> Judgement | None:
    """None for fewer than three runs."""
    if len(runs) < LEAST:
        return None
    families = sorted({run.family for run in runs})
    rest = [[run for run in runs if run.family != family] for family in families]
    rest = [each for each in rest if len(each) >= LEAST]
    correlations = [value for each in rest if (value := spearman(each)) is not None]
    low, high = _interval(runs, families)
    chosen, error = _choose(runs)
    errors = [run.error for run in runs]
    return Judgement(
        criterion=criterion,
        runs=len(runs),
        families=len(families),
        spearman=spearman(runs),
        low=low,
        high=high,
        within=_within(runs, families),
        between=_between(runs, families),
        left_out=(min(correlations), max(correlations)) if correlations else None,
        chosen=chosen,
        chosen_error=error,
        best_error=min(errors),
        mean_error=float(np.mean(errors)),
        regret_left_out=_mean([_choose(each)[1] - min(run.error for run in each) for each in rest]),
    )


def spearman(runs: Sequence[JudgedRun]) -> float | None:
    """The rank correlation of value and error; None if either is the same for all, or there are fewer than three."""
    values, errors = [run.value for run in runs], [run.error for run in runs]
    if len(runs) < LEAST or len(set(values)) < 2 or len(set(errors)) < 2:
        return None
    return float(stats.spearmanr(values, errors).statistic)


def _choose(runs: Sequence[JudgedRun]) -> tuple[str, float]:
    """The run with the lowest value, and its error; of equal ones the first name, and the mean error of them all."""
    lowest = min(run.value for run in runs)
    tied = sorted((run for run in runs if run.value == lowest), key=lambda run: run.name)
    return tied[0].name, float(np.mean([run.error for run in tied]))


def _interval(runs: Sequence[JudgedRun], families: Sequence[str]) -> tuple[float | None, float | None]:
    random: Any = np.random.default_rng(SEED)
    of = [[run for run in runs if run.family == family] for family in families]
    drawn = []
    for _ in range(RESAMPLES):
        picked = [of[at] for at in random.integers(len(of), size=len(of))]
        sample = [family[at] for family in picked for at in random.integers(len(family), size=len(family))]
        if (value := spearman(sample)) is not None:
            drawn.append(value)
    if len(families) < LEAST or len(drawn) < RESAMPLES / 2:
        return None, None
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _within(runs: Sequence[JudgedRun], families: Sequence[str]) -> float | None:
    found = [spearman([run for run in runs if run.family == family]) for family in families]
    return _mean([value for value in found if value is not None])


def _between(runs: Sequence[JudgedRun], families: Sequence[str]) -> float | None:
    means = []
    for family in families:
        own = [run for run in runs if run.family == family]
        values, errors = (float(np.mean([getattr(run, part) for run in own])) for part in ("value", "error"))
        means.append(JudgedRun(family, family, values, errors))
    return spearman(means)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
