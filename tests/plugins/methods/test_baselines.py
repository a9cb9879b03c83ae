"""The floor, the ceiling and the trivial rivals are what they say."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TOY
from ganzoo_adaptation.adabn import AdaBN
from ganzoo_adaptation.dann import DANN
from ganzoo_baselines.constant import Constant
from ganzoo_baselines.histogram_matching import HistogramMatching
from ganzoo_baselines.identity import Identity
from ganzoo_baselines.oracle import Oracle
from ganzoo_baselines.source_only import SourceOnly
from torch import nn

from ganzoo.batch import image_spec
from ganzoo.dataset import Domain
from ganzoo.errors import DatasetError
from ganzoo.nn.pixel_choice import choose_by_pixels
from ganzoo.task import ClassTask, GazeTask
from ganzoo.testing import toy
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig

CPU = torch.device("cpu")


def train(cls, source, target, config=None, spec=toy.SPEC, steps=3):
    method = build_method(cls, config or cls.Config(), spec, seed=0, device=CPU)
    settings = TrainConfig(steps=steps, batch_size=8, device="cpu", precision="fp32")
    loop.train(method, source, target, settings)
    return method


def finished(cls, source, target, spec=toy.SPEC):
    method = cls(cls.Config(), spec)
    method.finish(source, target)
    return method


def weights(method):
    return {name: parameter.detach().clone() for name, parameter in method.named_parameters()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_constant_predicts_the_mean_source_gaze():
    source, target = toy.domains()
    prediction = finished(Constant, source, target).predict(torch.zeros(4, 1, 16, 24))
    assert prediction.shape == (4, 2)
    assert np.allclose(prediction.numpy(), source.labels.mean(0), atol=1e-6)


def test_constant_predicts_the_most_frequent_class():
    spec = image_spec(1, 16, 24, ClassTask(10))
    labels = np.array([7, 7, 7, 0, 9, 9], np.float32)[:, None]
    source = Domain("source", np.zeros((6, 1, 16, 24), np.uint8), labels)
    assert finished(Constant, source, source, spec).predict(torch.zeros(2, 1, 16, 24)).tolist() == [[7], [7]]


def test_identity_returns_what_it_is_given():
    images = torch.rand(3, 1, 16, 24)
    assert torch.equal(Identity(Identity.Config(), toy.SPEC).refine(images), images)


def published_matching(image, template):
    """Each channel as scikit-image's `match_histograms` does it, in its own words: unique values and `np.interp`."""
    _, inverse, counts = np.unique(image.ravel(), return_inverse=True, return_counts=True)
    values, template_counts = np.unique(template.ravel(), return_counts=True)
    wanted = np.interp(counts.cumsum() / image.size, template_counts.cumsum() / template.size, values)
    return wanted[inverse].reshape(image.shape)


@pytest.mark.parametrize("channels", [1, 3])
def test_histogram_matching_follows_the_published_rule(channels):
    spec = image_spec(channels, 16, 24, GazeTask())
    source, target = toy.domains(spec)
    gaps = replace(target, samples=(target.images // 40 * 40).astype(np.uint8))  # few grey levels, with gaps
    for reference in (target, gaps):
        method = finished(HistogramMatching, source, reference, spec)
        matched = (method.refine(torch.from_numpy(source.images).float() / 127.5 - 1).numpy() + 1) * 127.5
        for image, found in zip(source.images, matched, strict=True):
            for channel in range(channels):
                expected = published_matching(image[channel], reference.images[:, channel])
                assert np.abs(found[channel] - expected).max() < 1e-3  # of 255 grey levels


def test_histogram_matching_per_image_follows_the_rule_for_one_target_image_each():
    source, target = toy.domains()
    config = HistogramMatching.Config(references=5)
    method = HistogramMatching(config, toy.SPEC)
    method.finish(source, target)
    images = torch.from_numpy(source.images).float() / 127.5 - 1
    matched = (method.refine(images).numpy() + 1) * 127.5
    references, chosen = target.spread(5).images, choose_by_pixels(images, 5)
    assert len(set(chosen.tolist())) == 5
    for image, found, index in zip(source.images, matched, chosen, strict=True):
        assert np.abs(found[0] - published_matching(image[0], references[index, 0])).max() < 1e-3


def test_a_matched_image_has_the_grey_levels_of_the_target_in_the_order_of_the_source():
    source, target = toy.domains()
    images = torch.from_numpy(source.images).float() / 127.5 - 1
    matched = finished(HistogramMatching, source, target).refine(images)
    wanted = np.quantile(target.images, [0.05, 0.25, 0.5, 0.75, 0.95])
    for image, original in zip(matched, images, strict=True):
        found = np.quantile((image.numpy() + 1) * 127.5, [0.05, 0.25, 0.5, 0.75, 0.95])
        assert np.abs(found - wanted).max() < 10
        order = original.flatten().argsort()
        assert (image.flatten()[order].diff() >= 0).all()


def test_a_target_of_one_grey_level_is_matched_too():
    source, target = toy.domains()
    grey = replace(target, samples=np.full_like(target.images, 51))
    matched = finished(HistogramMatching, source, grey).refine(torch.rand(2, 1, 16, 24))
    assert torch.allclose(matched, torch.tensor(51 / 127.5 - 1))


def test_source_only_adabn_and_the_oracle_have_the_network_of_dann():
    shapes = {name: tuple(p.shape) for name, p in DANN(DANN.Config(), toy.SPEC).predictor.named_parameters()}
    for cls in (SourceOnly, AdaBN, Oracle):
        method = cls(cls.Config(), toy.SPEC)
        assert {name: tuple(p.shape) for name, p in method.predictor.named_parameters()} == shapes
        for preset in ("default", "paper"):
            assert cls.presets[preset]["train"] == DANN.presets[preset]["train"]
            shared = {**DANN.presets[preset].get("method", {}), **cls.presets[preset].get("method", {})}
            assert shared == DANN.presets[preset].get("method", {})
    default = DANN.Config().model_dump()
    assert SourceOnly.Config().model_dump().items() <= default.items()


def test_source_only_does_not_look_at_the_target():
    source, target = toy.domains()
    black = replace(target, samples=np.zeros_like(target.images))
    one, other = train(SourceOnly, source, target), train(SourceOnly, source, black)
    assert same(one.state_dict(), other.state_dict())


def test_adabn_differs_from_source_only_by_its_statistics_alone():
    source, target = toy.domains()
    plain, adapted = train(SourceOnly, source, target), train(AdaBN, source, target)
    assert same(weights(plain), weights(adapted))
    changed = [name for name, buffer in plain.named_buffers() if not torch.equal(buffer, adapted.get_buffer(name))]
    assert {name.rsplit(".", 1)[1] for name in changed} >= {"running_mean", "running_var"}
    images = torch.from_numpy(target.images).float() / 127.5 - 1
    assert not torch.allclose(plain.predict(images), adapted.predict(images))


def test_adabn_normalises_by_the_statistics_of_the_target():
    source, target = toy.domains()
    method = train(AdaBN, source, target)
    images = torch.from_numpy(target.images).float() / 127.5 - 1
    x = images
    norms = 0
    for layer in method.predictor.features:
        if isinstance(layer, nn.BatchNorm2d):
            norms += 1
            assert torch.allclose(layer.running_mean, x.mean((0, 2, 3)), atol=1e-3)
            assert torch.allclose(layer.running_var, x.var((0, 2, 3)), rtol=1e-2, atol=1e-5)
        x = layer(x)
    assert norms == 4


def test_the_oracle_learns_from_target_labels_and_from_nothing_else():
    source, target = toy.domains()
    shifted = replace(target, labels=target.labels + 0.1)
    other_source = replace(source, samples=np.zeros_like(source.images), labels=source.labels * 0)
    assert Oracle.oracle
    reference = weights(train(Oracle, source, target))
    assert same(reference, weights(train(Oracle, other_source, target)))
    assert not same(reference, weights(train(Oracle, source, shifted)))
    with pytest.raises(DatasetError, match="an oracle is given the target's labels"):
        train(Oracle, source, target.unlabelled())


def test_the_oracle_learns_the_toy_target():
    source, target = toy.domains(count=64)
    method = train(Oracle, source, target, Oracle.Config(augment=False, lr=3e-3), steps=80)
    images = torch.from_numpy(target.images).float() / 127.5 - 1
    labels = torch.from_numpy(target.labels)
    task = toy.SPEC.task
    with torch.no_grad():
        error = task.error(method.predict(images), labels).mean()
    spread = task.error(labels.mean(0).expand_as(labels), labels).mean()
    assert error < spread / 2


@pytest.mark.parametrize("name", ["identity", "constant", "histogram-matching"])
def test_methods_without_training_run_from_the_command_line(ganzoo, tmp_path, name):
    kid = ("--metrics", "kid", "--kid-extractors", "pixels", "--samples", 40)
    measured = ("--metrics", "none") if name == "constant" else kid
    arguments = ("run", name, "--plugin", TOY, "--dataset", "toy", "--device", "cpu", "--out", "out", *measured)
    result = ganzoo(*arguments)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (facts["images_drawn"], facts["parameters"], facts["step"]) == (0, 0, 0)
    assert (tmp_path / "out" / "checkpoints" / "step-00000000").is_dir()
    assert "is complete" in ganzoo(*arguments).output
    if name != "constant":
        assert facts["scores"]
        assert ganzoo("evaluate", "out", "--plugin", TOY).exit_code == 0
