"""Facts of the DANN paper (Ganin et al. 2016)."""

from __future__ import annotations

import math

import pytest
import torch
from ganzoo_adaptation.dann import DANN
from ganzoo_adaptation.ramp import ramp
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, AdamW

from ganzoo.batch import Batch, image_spec
from ganzoo.errors import ConfigError
from ganzoo.task import ClassTask, GazeTask, gaze_vector
from ganzoo.testing import toy
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.observer import TrainingObserver

EYES = image_spec(channels=1, height=35, width=55, task=GazeTask())
DIGITS = image_spec(channels=3, height=28, width=28, task=ClassTask(10))
PLAIN = {"batch_norm": False, "augment": False}


def build(spec=EYES, **settings):
    torch.manual_seed(0)
    return DANN(DANN.Config(**settings), spec)


def paper():
    return build(DIGITS, **DANN.presets["paper"]["method"])


def batch(spec=EYES, size=4, progress=0.5):
    def images():
        return torch.rand(size, *spec.image_shape) * 2 - 1

    is_class = isinstance(spec.task, ClassTask)
    label = torch.randint(10, (size, 1)).float() if is_class else torch.rand(size, 2) - 0.5
    return Batch({"source": images(), "source_label": label, "target": images()}, torch.tensor(progress))


def gradients(method, one, *terms):
    method.requires_grad_(True).zero_grad(set_to_none=True)
    losses = method.loss(one)
    sum(losses[term] for term in terms).backward()
    return {name: parameter.grad for name, parameter in method.named_parameters() if parameter.grad is not None}


def test_the_reversal_grows_as_published():
    for progress in (0.0, 0.1, 0.5, 1.0):
        expected = 2 / (1 + math.exp(-10 * progress)) - 1
        assert ramp(torch.tensor(progress)).item() == pytest.approx(expected, abs=1e-6)
    assert ramp(torch.tensor(0.0)) == 0
    assert build(reversal=1.0).loss(batch(progress=0.1))["reversal"].item() == pytest.approx(0.46212, abs=1e-5)


def test_the_learning_rate_falls_as_published():
    (phase,) = paper().phases().values()
    rates = [0.01 * phase.decay(progress) for progress in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([0.01, 0.01 / 6**0.75, 0.01 / 11**0.75])
    optimizer = phase.optimizer(phase.networks[0].parameters())
    assert type(optimizer) is SGD
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]) == (0.01, 0.9)
    assert DANN.presets["paper"]["train"]["batch_size"] == 64  # of each domain: 128 in all


def test_the_papers_network_for_mnist():
    method = paper()
    layers = [m for m in method.predictor.features if isinstance(m, nn.Conv2d | nn.MaxPool2d | nn.BatchNorm2d)]
    first, pool, second, again = layers
    assert (first.out_channels, first.kernel_size, second.out_channels, second.kernel_size) == (32, (5, 5), 48, (5, 5))
    assert (pool.kernel_size, pool.stride) == (again.kernel_size, again.stride) == (2, 2)
    widths = [(m.in_features, m.out_features) for m in method.predictor.head if isinstance(m, nn.Linear)]
    assert widths == [(768, 100), (100, 100), (100, 10)]
    widths = [(m.in_features, m.out_features) for m in method.domain_classifier if isinstance(m, nn.Linear)]
    assert widths == [(768, 100), (100, 2)]


def test_the_domain_classifier_of_the_papers_other_experiments_is_the_default():
    method = build()
    widths = [m.out_features for m in method.domain_classifier if isinstance(m, nn.Linear)]
    assert widths == [1024, 1024, 2]


def test_only_the_features_are_reversed_and_the_domain_classifier_learns_at_full_strength():
    one, terms = batch(progress=0.05), ("source_domain", "target_domain")
    method = build(**PLAIN, reversal=1.0)
    found = gradients(method, one, *terms)
    strength = ramp(one.progress)
    assert 0 < strength < 0.5

    method.zero_grad(set_to_none=True)
    features = method.predictor.features(torch.cat([one.source, one.target]))
    scores = method.domain_classifier(features)  # without reversal
    domain = torch.tensor([0] * 4 + [1] * 4)
    (2 * F.cross_entropy(scores, domain)).backward()  # the sum of the two domains' means
    for name, parameter in method.named_parameters():
        if name.startswith("domain_classifier"):
            assert torch.allclose(found[name], parameter.grad, atol=1e-6), name
        elif name.startswith("predictor.features"):
            assert torch.allclose(found[name], -strength * parameter.grad, atol=1e-6), name
            assert found[name].abs().max() > 0
        else:
            assert name not in found, "the label predictor learns nothing from domains"


def test_the_task_is_learnt_from_the_source_alone_and_is_not_reversed():
    one = batch()
    method = build(**PLAIN)
    found = gradients(method, one, "task")
    assert not {name for name in found if name.startswith("domain_classifier")}
    method.zero_grad(set_to_none=True)
    output = method.predictor.head(method.predictor.features(one.source))
    (output - gaze_vector(one.source_label)).norm(dim=1).mean().backward()
    for name, gradient in found.items():
        assert torch.allclose(gradient, method.get_parameter(name).grad, atol=1e-6), name


def test_without_reversal_the_features_do_not_know_of_the_domains():
    method = build(**PLAIN, **DANN.presets["no-reversal"]["method"])
    found = gradients(method, batch(), "source_domain", "target_domain")
    assert all(gradient.abs().max() == 0 for name, gradient in found.items() if name.startswith("predictor"))
    assert all(gradient.abs().max() > 0 for name, gradient in found.items() if name.startswith("domain"))


def test_an_undecided_domain_classifier_costs_log_2_on_each_domain():
    method = build()
    for parameter in method.domain_classifier.parameters():
        nn.init.zeros_(parameter)
    terms = method.loss(batch())
    assert terms["source_domain"].item() == terms["target_domain"].item() == pytest.approx(math.log(2))


def test_a_classifier_that_is_always_right_has_accuracy_one_and_is_reported():
    method = build(**PLAIN)
    method.domain_classifier = nn.Linear(256, 2)
    method.predictor.features = nn.Sequential(nn.Flatten(), nn.Linear(35 * 55, 256))
    one = batch()
    one.source.fill_(-1.0)
    one.target.fill_(1.0)
    with torch.no_grad():
        method.predictor.features[1].weight.fill_(1.0)
        method.domain_classifier.weight.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 256))
    assert method.loss(one)["domain_accuracy"] == 1
    (warning,) = method.diagnose({"predictor/domain_accuracy": 1.0, "predictor/reversal": 0.09})
    assert "100.0% of images" in warning
    assert not method.diagnose({"predictor/domain_accuracy": 1.0, "predictor/reversal": 0.01})
    assert not method.diagnose({"predictor/domain_accuracy": 0.6, "predictor/reversal": 0.09})
    control = build(**DANN.presets["no-reversal"]["method"])
    assert not control.diagnose({"predictor/domain_accuracy": 1.0, "predictor/reversal": 0.0})


class Says(nn.Module):
    """A head that answers with what it was given."""

    def __init__(self, output):
        super().__init__()
        self.output = nn.Parameter(output)

    def forward(self, features):
        return self.output + 0 * features.sum()


@pytest.mark.parametrize("spec", [EYES, DIGITS], ids=["gaze", "classes"])
def test_a_predictor_that_says_the_same_of_all_images_is_reported(spec):
    method, one = build(spec, **PLAIN), batch(spec, size=12)
    is_class = isinstance(spec.task, ClassTask)
    right = F.one_hot(one.source_label[:, 0].long(), 10).float() if is_class else gaze_vector(one.source_label)
    method.predictor.head = Says(right)
    assert method.loss(one)["diversity"].item() == pytest.approx(1, rel=1e-4)
    method.predictor.head = Says(right[:1].expand_as(right).clone())
    assert method.loss(one)["diversity"].item() == pytest.approx(0, abs=1e-5)
    (warning,) = method.diagnose({"predictor/diversity": 0.012})
    assert "0.01 times as much as their labels do" in warning
    assert not method.diagnose({"predictor/diversity": 0.3})


def test_gaze_is_a_regression_and_digits_are_classes_by_the_datasets_task():
    gaze = build().eval().predict(torch.zeros(3, 1, 35, 55))
    assert gaze.shape == (3, 2)
    digits = paper().eval().predict(torch.rand(5, 3, 28, 28))
    assert digits.shape == (5, 1)
    assert set(digits.flatten().tolist()) <= set(range(10))
    one = batch(DIGITS)
    logits = paper().predictor.head(paper().predictor.features(one.source))
    assert paper().loss(one)["task"].item() == pytest.approx(
        F.cross_entropy(logits, one.source_label[:, 0].long()).item()
    )


def test_the_default_is_the_gaze_network_with_batch_norm_and_adamw():
    method = build()
    sizes = [(m.in_channels, m.out_channels) for m in method.modules() if isinstance(m, nn.Conv2d)]
    assert sizes == [(1, 32), (32, 48), (48, 64), (64, 64)]
    assert sum(isinstance(m, nn.BatchNorm2d) for m in method.modules()) == 4
    (phase,) = method.phases().values()
    assert type(phase.optimizer(method.parameters())) is AdamW
    assert phase.decay(0.75) == 0.5
    assert build(decay="constant").phases()["predictor"].decay(0.9) == 1


@pytest.mark.parametrize("size", [(9, 15), (35, 55), (36, 60), (64, 64), (3, 3)])
def test_the_gaze_network_takes_images_of_any_size(size):
    assert build(image_spec(1, *size, GazeTask())).eval().predict(torch.zeros(2, 1, *size)).shape == (2, 2)


def test_images_too_small_for_the_papers_network_are_refused_in_words():
    with pytest.raises(ConfigError, match="16 x 16 pixels and more, but these are 9 x 15"):
        build(image_spec(1, 9, 15, GazeTask()), network="mnist")


class _Accuracy(TrainingObserver):
    def logged(self, step, means, warnings):
        self.last = means["predictor/domain_accuracy"]


def test_reversal_takes_the_domains_out_of_the_features():
    """What a domain classifier knows at the end of a run on the toy domains, with reversal and without."""
    known = {}
    for reversal in (0.0, 1.0):
        config = DANN.Config(reversal=reversal, domain_width=100, domain_layers=1)
        method = build_method(DANN, config, toy.SPEC, seed=0, device=torch.device("cpu"))
        seen = _Accuracy()
        settings = TrainConfig(steps=120, batch_size=16, log_every=40, device="cpu", precision="fp32")
        loop.train(method, *toy.domains(count=64), settings, observer=seen)
        known[reversal] = seen.last
    assert known[0.0] > 0.8
    assert known[1.0] < 0.65
