"""Several runs as one method."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganzoo.applying.ensemble import Ensemble
from ganzoo.batch import image_spec
from ganzoo.discovery.registry import registry
from ganzoo.errors import UsageError
from ganzoo.task import ClassTask, GazeTask, RegressionTask
from ganzoo.testing.toy_evaluation import toy_method


def members(*specs):
    can = registry().found["capabilities"]["predict"]
    return {Path(f"run-{k}"): toy_method(can, spec, seed=k) for k, spec in enumerate(specs)}


@pytest.mark.parametrize("task", [GazeTask(), ClassTask(4), RegressionTask(2, "px")])
def test_an_ensemble_predicts_the_average_in_any_order(task):
    each = members(*[image_spec(1, 36, 60, task)] * 3)
    images = torch.rand(6, 1, 36, 60) * 2 - 1
    with torch.no_grad():
        made = Ensemble(each).predict(images)
        turned = Ensemble(dict(reversed(each.items()))).predict(images)
        expected = task.average(torch.stack([method.predict(images) for method in each.values()]))
    assert torch.equal(made, turned)
    assert torch.equal(made, expected)


def test_gaze_is_averaged_as_directions():
    """The mean of yaws of +170 and -170 degrees is 180, not 0."""
    made = GazeTask().average(torch.deg2rad(torch.tensor([[[0.0, 170.0]], [[0.0, -170.0]]])))
    assert abs(float(torch.rad2deg(made[0, 1]))) == pytest.approx(180, abs=1e-3)


def test_classes_are_averaged_by_votes_and_a_tie_goes_to_the_lower_number():
    votes = torch.tensor([[[2.0], [3.0]], [[2.0], [1.0]], [[0.0], [1.0]], [[0.0], [3.0]]])
    assert ClassTask(4).average(votes[:3])[:, 0].tolist() == [2, 1]
    assert ClassTask(4).average(votes)[:, 0].tolist() == [0, 1]


def test_runs_that_predict_different_things_are_refused():
    gaze, classes = (image_spec(1, 36, 60, task) for task in (GazeTask(), ClassTask(4)))
    with pytest.raises(UsageError, match="run-1 predicts class classes=4, but run-0 predicts gaze"):
        Ensemble(members(gaze, classes))
    with pytest.raises(UsageError, match=r"needs runs that take the same samples"):
        Ensemble(members(gaze, image_spec(1, 40, 60, GazeTask())))
