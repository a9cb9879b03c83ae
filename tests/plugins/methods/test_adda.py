"""Facts of Tzeng et al. 2017."""

from __future__ import annotations

import pytest
import torch
from ganzoo_adaptation.adda import ADDA, ADDAConfig

from ganzoo.batch import image_spec
from ganzoo.errors import ConfigError
from ganzoo.runs.suitability import reason_to_decline
from ganzoo.task import NoTask
from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners
from ganzoo.training.timeline import Timeline

CPU = torch.device("cpu")


def method(**settings):
    return build_method(ADDA, ADDAConfig(**settings), toy.SPEC, seed=0, device=CPU)


def run(adda, steps, **settings):
    source, target = toy.domains(count=48)
    train(adda, source, target, TrainConfig(steps=steps, batch_size=8, precision="fp32", device="cpu", **settings))
    return adda


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_when_adaptation_begins_target_predictions_are_the_sources_to_the_bit():
    adda = run(method(), 1 + 1)
    adda.copy_encoder()
    images = toy.batch(adda, 6).target
    assert torch.equal(adda.predict(images), adda.predictor(images))


def test_the_source_encoder_and_the_head_rest_while_the_target_adapts(monkeypatch):
    at_the_transition = {}
    copy = ADDA.copy_encoder

    def noted(self):
        copy(self)
        at_the_transition.update(state(self.predictor))

    monkeypatch.setattr(ADDA, "copy_encoder", noted)
    adda = run(method(), 8)
    assert equal(at_the_transition, state(adda.predictor)), "weights and BatchNorm statistics"
    assert not equal(state(adda.predictor.features), state(adda.target_features))


def test_each_stage_has_its_share_of_the_steps():
    timeline = Timeline(method(adaptation=3.0), 100)
    assert timeline.ends == [25, 100]
    assert timeline.at(24).phases == ("source",)
    assert timeline.at(25).groups == (("discriminator", "target"),)


def test_the_target_encoder_minimises_inverted_labels_and_does_not_move_the_discriminator():
    adda = method()
    before = state(adda.discriminator)
    batch = toy.batch(adda, 8)
    runner = phase_runners(adda)["target"]
    first = runner.update(batch)["adversarial"]
    for _ in range(30):
        last = runner.update(batch)["adversarial"]
    assert last < first, "the loss falls on one batch while one player moves"
    assert equal(before, state(adda.discriminator))


def test_the_papers_preset_has_no_batch_norm():
    config = ADDAConfig(**ADDA.presets["paper"]["method"])
    adda = build_method(ADDA, config, image_spec(3, 28, 28, toy.SPEC.task), seed=0, device=CPU)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in adda.modules())


def test_data_without_labels_are_declined():
    spec = image_spec(1, 16, 24, NoTask())
    assert "source labels" in reason_to_decline(ADDA, ADDAConfig(), spec)


def test_one_step_is_too_few_for_two_stages():
    with pytest.raises(ConfigError, match="--steps 1: adda trains in 2 stages"):
        run(method(), 1)
