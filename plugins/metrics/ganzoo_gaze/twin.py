"""`twin-distance`: how far a refined image is from its twin, the same eye in the style of the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from ganzoo.capabilities import Refines
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, Metric, Score
from ganzoo_gaze.statistics import bootstrap_interval, interval_card, labels_of
from ganzoo_gaze.training import GazeTraining, predict, require_gaze, train, training_card

Images = Mapping[str, np.ndarray]  # subject -> what is compared with the twins, row by row


class TwinDistanceConfig(GazeTraining):
    extractors: tuple[str, ...] = Field(
        ("gaze",), description="Feature extractors in which distances are measured too."
    )


class TwinDistance(Metric):
    """On the held-out source of a dataset with the column `twin`. The subjects, compared with an image's own twin:
    `method`, its refined version; `unrefined`, the unchanged image; `other-twin`, the twin of the next row, which shows
    another eye in the target's style: what realism alone is worth.

    `twin_distance[pixels]` is the root mean square of the difference in grey levels, `twin_distance[EXTRACTOR]` the
    Euclidean distance of features. `twin_label_drift_deg` is the angle between the gaze that a judge reads from the two
    images. The judge learns from the labelled target, whose style the twins have; a constant error of its own, such as
    that of the visual axis, cancels. A twin differs from a perfect refinement by its light and camera, which the source
    does not determine: the distances of a perfect method are not zero.
    """

    name = "twin-distance"
    summary = "How far refined images are from their twins: the same eyes in the style of the target."
    needs = (Refines,)
    by_default = False  # few datasets have twins
    Config = TwinDistanceConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        before, after = data.sampled("source_test"), data.refined("source_test")
        if "twin" not in before.extra:
            raise MetricUnavailableError(
                "twin-distance needs the same held-out eyes in both styles, and these data have no column 'twin'; "
                "the dataset eyes has"
            )
        twins = replace(before, name="twin", samples=np.asarray(before.extra["twin"]), extra={})
        images = {"method": after.images, "unrefined": before.images, "other-twin": np.roll(twins.images, -1, 0)}
        facts = {**interval_card(before, "source_test"), "twins": twins.fingerprint()}
        scores = _scores("twin_distance[pixels]", "grey levels", _pixel_distances(images, twins.images), before, facts)
        for extractor in self.config.extractors:
            scores += self._in_features(data, extractor, images, twins, facts)
        return scores + self._drift(data, images, twins, facts)

    def _in_features(
        self, data: Evaluation, extractor: str, images: Images, twins: Domain, facts: Mapping[str, Any]
    ) -> list[Score]:
        name = f"twin_distance[{extractor}]"
        try:
            own = data.features(extractor, twins)
            found = {
                subject: np.linalg.norm(
                    data.features(extractor, replace(twins, name=subject, samples=each)) - own, axis=1
                )
                for subject, each in images.items()
            }
        except MetricUnavailableError as error:
            return [Score(name, None, reason=str(error))]
        return _scores(name, "", found, twins, {**facts, "extractor": dict(data.extractor(extractor).card)})

    def _drift(self, data: Evaluation, images: Images, twins: Domain, facts: Mapping[str, Any]) -> list[Score]:
        try:
            task = require_gaze(data, "the judge")
            target, test = data.domain("target"), data.domain("target_test")
            labels_of(target)
            settings = GazeTraining(**{name: getattr(self.config, name) for name in GazeTraining.model_fields})
            judge = train(data, target, settings)
            own, truth = predict(data, judge, twins.images), labels_of(twins)
            errors = {
                "target_test": float(task.error(predict(data, judge, test.images), labels_of(test)).mean()),
                "twins": float(task.error(own, truth).mean()),
                "twins_without_its_mean_error": float(task.error(own - (own - truth).mean(0), truth).mean()),
            }
        except MetricUnavailableError as error:
            return [Score("twin_label_drift_deg", None, reason=str(error))]
        found = {
            subject: task.error(predict(data, judge, each), own).double().numpy() for subject, each in images.items()
        }
        card = {**facts, "judge": training_card(settings), "judge_learned_from": "target, with labels",
                "judge_error_deg": errors}  # fmt: skip
        return _scores("twin_label_drift_deg", "deg", found, twins, card)


def _pixel_distances(images: Images, twins: np.ndarray) -> dict[str, np.ndarray]:
    """The root mean square difference in grey levels of each image [N, C, H, W] from its twin: float64 [N]."""
    return {
        subject: np.sqrt(((each.astype(np.float32) - twins) ** 2).mean((1, 2, 3), dtype=np.float64))
        for subject, each in images.items()
    }


def _scores(
    name: str, unit: str, found: Mapping[str, np.ndarray], rows: Domain, card: Mapping[str, Any]
) -> list[Score]:
    """The mean distance of each subject, with an interval over people if there are several."""
    scores = []
    for subject, distances in found.items():
        low, high = bootstrap_interval(distances, rows, lambda values: float(values.mean()))
        scores.append(Score(name, float(distances.mean()), subject, unit, "lower", low, high, card=card))
    return scores
