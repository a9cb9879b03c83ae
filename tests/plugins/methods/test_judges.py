"""Judges in the loss of SimGAN's refiner."""

from __future__ import annotations

import pytest
import torch
from ganzoo_translation.judges import Judges
from ganzoo_translation.simgan import SimGAN, SimGANConfig

from ganzoo.batch import image_spec
from ganzoo.runs.suitability import reason_to_decline
from ganzoo.task import NoTask
from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners
from ganzoo.training.timeline import Timeline

CPU = torch.device("cpu")
SMALL = {"width": 4, "blocks": 1, "history": 8, "refiner_pretraining": 0}


def judged(**settings):
    return build_method(SimGAN, SimGANConfig(**{**SMALL, "judges": 2, **settings}), toy.SPEC, seed=0, device=CPU)


def weights(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_without_judges_simgan_is_what_it_was():
    plain = build_method(SimGAN, SimGANConfig(**SMALL), toy.SPEC, seed=0, device=CPU)
    assert SimGAN.columns(plain.config) == ("source", "target")
    assert list(plain.phases()) == ["pretraining", "refiner", "discriminator"]
    assert "judged" not in plain.refiner_loss(toy.batch(plain, 4))


def test_judges_learn_first_and_rest_while_the_refiner_learns(monkeypatch):
    method = judged()
    timeline = Timeline(method, 100)
    assert timeline.ends == [20, 100]
    assert timeline.at(0).phases == ("judges",)
    assert timeline.at(20).phases == ("refiner", "discriminator")
    source, target = toy.domains(count=48)
    first = weights(method.judges)
    seen = {}
    drift = Judges.drift

    def noted(self, refined, before):
        seen.setdefault("at the transition", weights(self))
        return drift(self, refined, before)

    monkeypatch.setattr(Judges, "drift", noted)
    train(method, source, target, TrainConfig(steps=10, batch_size=8, precision="fp32", device="cpu"))
    at_the_transition, last = seen["at the transition"], weights(method.judges)
    assert not all(torch.equal(first[name], last[name]) for name in first)
    assert all(torch.equal(at_the_transition[name], last[name]) for name in last), "weights and BatchNorm statistics"


def test_judges_are_trained_on_the_labels_of_the_source():
    method = judged()
    runner, batch = phase_runners(method)["judges"], toy.batch(method, 16)
    first = runner.update(batch)["task"]
    for _ in range(20):
        last = runner.update(batch)["task"]
    assert float(last) < 0.5 * float(first)


def test_an_image_that_is_not_changed_drifts_only_by_the_noise():
    """Readings are compared with those of the synthetic image, which are not the labels."""
    torch.manual_seed(0)
    judges = Judges(2, image_spec(1, 16, 24, toy.SPEC.task)).eval()
    images = toy.batch(judged(), 32).source
    with torch.no_grad():
        for member in judges.predictors():  # outputs of the length of a direction
            member.head[0].bias.copy_(torch.tensor([0.0, 0.0, -1.0]))
            member.head[0].weight.mul_(0.05)
    with torch.no_grad():
        same, other = judges.drift(images, images), judges.drift(-images, images)
    assert float(same) < 0.5 * float(other)


def test_the_gradient_reaches_the_refiner_and_not_the_judges():
    method = judged().requires_grad_(True)
    batch = toy.batch(method, 4)
    method.refiner_loss(batch)["judged"].backward()
    assert any(parameter.grad is not None for parameter in method.refiner.parameters())
    before = weights(method.judges)
    phase_runners(method)["refiner"].update(batch)
    after = weights(method.judges)
    parameters = dict(method.judges.named_parameters())
    assert all(torch.equal(before[name], after[name]) for name in parameters)


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_the_weight_scales_what_judges_say(weight):
    found = []
    for method in (judged(judge_weight=weight), judged()):
        batch = toy.batch(method, 4)
        torch.manual_seed(0)
        found.append(method.refiner_loss(batch)["judged"].detach())
    torch.testing.assert_close(found[0], weight * found[1])


def test_data_without_labels_are_declined():
    spec = image_spec(1, 16, 24, NoTask())
    assert reason_to_decline(SimGAN, SimGANConfig(judges=1), spec)
    assert not reason_to_decline(SimGAN, SimGANConfig(), spec)
