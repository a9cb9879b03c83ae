"""Metrics that score predictions give those of the method's own network the method's own scores."""

from __future__ import annotations

import pytest
import torch

from ganzoo.discovery.registry import registry
from ganzoo.metric import ScoresPredictions
from ganzoo.pixels import to_unit_range
from ganzoo.task import ClassTask, GazeTask
from ganzoo.testing.toy_evaluation import evaluation, spec_of


@pytest.mark.parametrize(
    ("name", "capability", "task", "settings"),
    [
        ("class-accuracy", "predict", ClassTask(3), {}),
        ("gaze-error", "predict", GazeTask(), {"network": "small", "steps": 1}),
        ("downstream-gaze-error", "refine", GazeTask(), {"network": "small", "steps": 1}),
    ],
)
def test_the_predictions_of_its_network_have_the_scores_of_the_method(name, capability, task, settings):
    can, cls = registry().found["capabilities"][capability], registry().found["metrics"][name]
    metric = cls(cls.Config(**settings))
    assert isinstance(metric, ScoresPredictions)
    data = evaluation(can, spec_of(can, "image", task))
    measured = {score.name: score for score in metric.measure(data) if score.subject == "method"}
    images = to_unit_range(torch.from_numpy(data.domain("target_test").images))
    with torch.no_grad():
        scores = metric.scores_of(data, metric.predictor(data).predict(images))
    assert scores
    for score in scores:
        own = measured[score.name]
        assert (score.card, score.unit, score.better) == (own.card, own.unit, own.better)
        if own.value is not None:
            assert score.value == pytest.approx(own.value, abs=1e-3)
