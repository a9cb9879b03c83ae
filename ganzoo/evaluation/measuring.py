"""The one loop over metrics, for a trained method and for two sets of images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from ganzoo.discovery.plugin_errors import blaming
from ganzoo.errors import DatasetError, DivergenceError, MetricUnavailableError, PluginError
from ganzoo.metric import Metric, Score

EXPECTED = (MetricUnavailableError, DatasetError, DivergenceError, PluginError)


def measure_all(
    metrics: Iterable[Metric], measure: Callable[[Metric], Sequence[Score]], doing: Callable[[str], None]
) -> tuple[list[Score], dict[str, float]]:
    """The scores that `measure` returns for each metric, and the seconds that each took.

    A metric that cannot be measured gives one score without a value, with the reason; the others are measured.
    `doing` is called with what is measured next.
    """
    scores: list[Score] = []
    seconds: dict[str, float] = {}
    for metric in metrics:
        doing(f"measuring {metric.name}")
        start = time.perf_counter()
        try:
            with blaming(f"metric {metric.name}"):
                scores.extend(_checked(measure(metric)))
        except EXPECTED as error:
            scores.append(Score(metric.name, None, reason=str(error)))
        seconds[metric.name] = round(time.perf_counter() - start, 3)
    return scores, seconds


def _checked(scores: Sequence[Score]) -> list[Score]:
    """Raise PluginError if a metric returned anything but scores."""
    found = list(scores)
    for score in found:
        if not isinstance(score, Score) or not (score.value is None or isinstance(score.value, float | int)):
            raise PluginError(f"it must return scores whose values are numbers, not {score!r:.200}")
    return found
