"""The closed-form shift of predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from ganzoo_adaptation.mean_shift import MeanShift, MeanShiftConfig

from ganzoo.pixels import to_unit_range
from ganzoo.runs.suitability import reason_to_decline
from ganzoo.task import ClassTask
from ganzoo.testing import toy
from ganzoo.training.build import build_method

CPU = torch.device("cpu")


def finished(count=600):
    method = build_method(MeanShift, MeanShiftConfig(), toy.SPEC, seed=0, device=CPU)
    source, target = toy.domains(count=count)
    method.finish(source, target.unlabelled())
    return method.eval(), source, to_unit_range(torch.tensor(target.images))


def test_the_mean_prediction_for_the_target_is_the_mean_source_label():
    method, source, images = finished()
    with torch.no_grad():
        mean = method.predict(images).mean(0)
    torch.testing.assert_close(mean, torch.tensor(source.labels.mean(0)), atol=1e-4, rtol=0)


def test_all_predictions_move_by_the_same_amount():
    method, _, images = finished(64)
    with torch.no_grad():
        moved = method.predict(images) - method.predictor(images)
    torch.testing.assert_close(moved, method.shift.expand_as(moved), atol=1e-5, rtol=0)
    assert float(method.shift.abs().max()) > 1e-3


def test_a_shifted_gaze_is_still_a_direction():
    method, _, images = finished(16)
    method.shift.copy_(torch.tensor([4.0, 4.0]))
    with torch.no_grad():
        problem = toy.SPEC.task.problem(method.predict(images).numpy())
    assert problem is None
    assert np.pi / 2 - 1e-6 <= float(method.predict(images)[0, 0]), "the pitch ends at the pole"


def test_classes_have_no_mean_to_shift():
    reason = reason_to_decline(MeanShift, MeanShiftConfig(), replace(toy.SPEC, task=ClassTask(3)))
    assert "class" in reason
