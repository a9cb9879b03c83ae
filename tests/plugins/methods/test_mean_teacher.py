"""Facts of Tarvainen and Valpola 2017 and French et al. 2018."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from ganzoo_adaptation.mean_teacher import REMEMBERED, MeanTeacher, MeanTeacherConfig

from ganzoo.batch import image_spec
from ganzoo.task import ClassTask
from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")


def method(spec=toy.SPEC, **settings):
    return build_method(MeanTeacher, MeanTeacherConfig(**settings), spec, seed=0, device=CPU)


def test_the_teacher_is_the_average_of_the_students_weights_and_predicts():
    teacher = method(teacher=0.5)
    runner, batch = phase_runners(teacher)["student"], toy.batch(teacher, 8)
    weight = teacher.student.head[0].weight
    seen = []
    for _ in range(3):
        runner.update(batch)
        seen.append(weight.detach().clone())
    wanted = seen[0]
    for now in seen[1:]:
        wanted = 0.5 * wanted + 0.5 * now
    torch.testing.assert_close(teacher.teacher.network.head[0].weight, wanted)
    teacher.eval()
    torch.testing.assert_close(teacher.predict(batch.target), teacher.teacher.network(batch.target))


def test_agreement_is_perfect_when_teacher_and_student_are_one_and_see_the_same():
    teacher = method(image_spec(1, 16, 24, ClassTask(3)), augment=False, batch_norm=False)
    batch = replace(toy.batch(teacher, 8), progress=torch.tensor(0.9))
    assert float(teacher.loss(batch)["consistency"]) == pytest.approx(0, abs=1e-9)
    with torch.no_grad():
        teacher.teacher.network.head[0].bias[0] += 1
    assert float(teacher.loss(batch)["consistency"]) > 1e-3


def test_the_weight_of_agreement_rises_from_zero():
    teacher = method()
    start = replace(toy.batch(teacher, 8), progress=torch.tensor(0.0))
    assert float(teacher.loss(start)["consistency"]) == 0


def test_the_anchor_is_the_square_of_the_average_drift_and_pulls_only_on_the_mean():
    teacher = method()
    source = torch.zeros(4, 3)
    target = torch.tensor([[1.0, 0, 0], [3, 0, 0], [1, 0, 0], [3, 0, 0]], requires_grad=True)
    value = teacher._anchor(source, target)
    drift = (1 - REMEMBERED) * 2
    assert float(value) == pytest.approx(drift**2)
    (gradient,) = torch.autograd.grad(value, target)
    wanted = torch.zeros(4, 3)
    wanted[:, 0] = 2 * drift / 4  # the same for all: the spread of predictions is left alone
    torch.testing.assert_close(gradient, wanted)


def test_student_and_teacher_do_not_drift_together_with_an_anchor():
    """A teacher that is off by 0.3 in one direction is followed without the anchor, and less with it."""
    found = {}
    for anchor in (0.0, 50.0):
        teacher = method(anchor=anchor, consistency=10.0, augment=False, rotation=0.0, lr=1e-3)
        batch = replace(toy.batch(teacher, 16), progress=torch.tensor(0.9))
        runner = phase_runners(teacher)["student"]
        teacher.teacher.update = lambda network: None  # so that the teacher stays off
        with torch.no_grad():
            teacher.teacher.network.head[0].bias += torch.tensor([0.0, 3.0, 0.0])
        for _ in range(60):
            runner.update(batch)
        teacher.student.train()
        with torch.no_grad():
            both = teacher._outputs(teacher.student, torch.cat([batch.source, batch.target]))
        found[anchor] = float((both[16:].mean(0) - both[:16].mean(0)).norm())
    assert found[50.0] < 0.7 * found[0.0]


def test_a_drift_causes_a_warning():
    assert "drift together" in method().diagnose({"student/anchor": 0.5})[0]
    assert not method().diagnose({"student/anchor": 1e-4})
