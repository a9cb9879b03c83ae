"""`label-drift`: how far a refiner moves the gaze in its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganzoo.capabilities import Refines
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method
from ganzoo.metric import DomainName, Evaluation, Metric, Score
from ganzoo.task import GazeTask
from ganzoo_gaze.pupil import NAME, RADII, pupil_centers
from ganzoo_gaze.statistics import Statistic, bootstrap_interval, interval_card, labels_of
from ganzoo_gaze.training import GazeTraining, predict, require_gaze, train, training_card


class LabelDrift(Metric):
    name = "label-drift"
    summary = "How far refining moves the gaze and the pupil in synthetic images, by a frozen judge and a detector."
    needs = (Refines,)
    tasks = (GazeTask,)
    Config = GazeTraining

    def measure(self, data: Evaluation) -> Sequence[Score]:
        task = require_gaze(data, self.name)
        origin, before, after = _pair(data)
        labels = labels_of(before)
        judge = train(data, data.domain("source"), self.config)
        seen, seen_after = predict(data, judge, before.images), predict(data, judge, after.images)
        drift = task.error(seen_after, seen).double().numpy()
        change = (task.error(seen_after, labels) - task.error(seen, labels)).double().numpy()
        pupil = pupil_centers(before.images)
        shift = np.linalg.norm(pupil_centers(after.images) - pupil, axis=1)

        errors = {origin: float(task.error(seen, labels).mean()), **_error_on_real(data, judge, task)}
        measured = interval_card(before, origin)
        judge_card = {**measured, "judge": training_card(self.config), "judge_error_deg": errors}
        pupil_card = {**measured, "detector": NAME, **_detector_card(pupil, before)}
        return [
            _score("label_drift_deg", "deg", drift, _mean, before, judge_card),
            _score("label_drift_median_deg", "deg", drift, _median, before, judge_card, headline=False),
            _score("label_error_change_deg", "deg", change, _mean, before, judge_card, headline=False),
            _score("pupil_shift_px", "px", shift, _mean, before, pupil_card),
        ]


def _pair(data: Evaluation) -> tuple[DomainName, Domain, Domain]:
    """A domain's name, its synthetic images and their refined versions: held-out ones if there are any."""
    try:
        return "source_test", data.sampled("source_test"), data.refined("source_test")
    except MetricUnavailableError:
        return "source", data.sampled("source"), data.refined("source")


def _error_on_real(data: Evaluation, judge: Method, task: GazeTask) -> Mapping[str, float]:
    try:
        real = data.domain("target_test")
        labels = labels_of(real)
    except MetricUnavailableError:
        return {}
    return {"target_test": float(task.error(predict(data, judge, real.images), labels).mean())}


def _detector_card(found: np.ndarray, images: Domain) -> Mapping[str, Any]:
    """The detector's settings, and its own error if the dataset has the true position."""
    facts: dict[str, Any] = {"radii_of_width": RADII}
    if "pupil_center" in images.extra:
        distance = np.linalg.norm(found - images.extra["pupil_center"], axis=1)
        facts["detector_error_px"] = {"mean": float(distance.mean()), "median": float(np.median(distance))}
    return facts


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _median(values: np.ndarray) -> float:
    return float(np.median(values))


def _score(
    name: str,
    unit: str,
    values: np.ndarray,
    statistic: Statistic,
    images: Domain,
    card: Mapping[str, Any],
    headline: bool = True,
) -> Score:
    low, high = bootstrap_interval(values, images, statistic)
    return Score(name, statistic(values), unit=unit, better="lower", low=low, high=high, headline=headline, card=card)
