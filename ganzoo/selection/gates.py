"""Runs that are set aside before a criterion chooses: they have not learned the source, or answer all images alike."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = 1.5  # times the usual error on the source
SPREAD = 0.3  # of the usual spread of the predictions for the target


@dataclass(frozen=True)
class Health:
    """What the gates look at."""

    family: str
    source_error: float  # in the task's unit
    spread: float  # of the predictions for the target, in the same


def set_aside(runs: Mapping[str, Health]) -> dict[str, str]:
    """The reason for each run that is set aside, by name.

    What is usual is the median over methods of the median over their runs: a method with many seeds counts once.
    """
    if not runs:
        return {}
    source = _usual({name: (run.family, run.source_error) for name, run in runs.items()})
    spread = _usual({name: (run.family, run.spread) for name, run in runs.items()})
    reasons = {}
    for name, run in runs.items():
        if run.spread < SPREAD * spread:
            reasons[name] = (
                f"collapsed: its predictions for the target spread by {run.spread:.3g}, those of others by {spread:.3g}"
            )
        elif run.source_error > SOURCE * source:
            reasons[name] = f"its error on the source is {run.source_error:.3g}, that of others {source:.3g}"
    return reasons


def _usual(values: Mapping[str, tuple[str, float]]) -> float:
    families: dict[str, list[float]] = {}
    for family, value in values.values():
        families.setdefault(family, []).append(value)
    return statistics.median(statistics.median(each) for each in families.values())


def aside_in_words(reasons: Mapping[str, str]) -> list[str]:
    """One sentence for each reason, with the names of the runs that it holds back."""
    return [
        f"Set aside ({'; '.join(run for run, why in reasons.items() if why == reason)}): {reason}."
        for reason in dict.fromkeys(reasons.values())
    ]
