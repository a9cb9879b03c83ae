"""Facts of Mirza and Osindero 2014 and of Ding et al. 2021."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_generative.cgan import CGAN, CGANConfig
from ganzoo_generative.conditional import ConditionalDiscriminator, condition
from ganzoo_generative.vicinity import neighbour_gap, shares, vicinal_weights
from torch.nn import functional as F

from ganzoo.batch import Batch, Column, DataSpec, OracleBatch, image_spec
from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError
from ganzoo.runs.suitability import reason_to_decline
from ganzoo.task import ClassTask, GazeTask, NoTask, RegressionTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
POINT, NUMBER = Column((2,), "vector"), Column((1,), "vector")


def points(task, labels=1):
    return DataSpec({"source": POINT, "source_label": Column((labels,), "vector")}, task)


CLASSES = points(ClassTask(4))
CIRCLE = points(RegressionTask(1, "turns"))
GAZE = points(GazeTask(), 2)


def method(spec=GAZE, **settings):
    return build_method(CGAN, CGANConfig(units=32, latent=4, **settings), spec, seed=0, device=CPU)


def batch(samples, labels):
    return Batch({"source": samples, "source_label": labels}, torch.tensor(0.0))


def gaze_batch(size=16):
    return batch(torch.randn(size, 2), torch.rand(size, 2) - 0.5)


def test_a_soft_weight_is_exp_minus_one_at_kappa_and_zero_once_it_is_below_a_thousandth():
    away = torch.tensor([0.0, 1.0, 2.62, 2.64, 5.0])[:, None] * 0.3
    weights = vicinal_weights(torch.zeros(1, 1), away, 0.3, soft=True)[0]
    assert weights[:2].tolist() == pytest.approx([1.0, math.exp(-1)], abs=1e-5)
    assert weights[2] >= 1e-3
    assert weights[3:].tolist() == [0.0, 0.0]


def test_a_hard_weight_is_one_up_to_kappa_in_every_direction():
    labels = torch.tensor([[0.6, 0.8], [-1.0, 0.0], [0.8, 0.8], [1.01, 0.0]])
    assert vicinal_weights(torch.zeros(1, 2), labels, 1.0, soft=False).tolist() == [[1.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("soft", [True, False])
def test_every_target_with_a_vicinity_counts_alike_and_one_without_does_not_count(soft):
    labels = torch.tensor([[0.0], [0.01], [1.0]])
    targets = torch.tensor([[0.0], [1.0], [9.0]])
    found = shares(vicinal_weights(targets, labels, 0.1, soft=soft))
    assert found.sum(1).tolist() == pytest.approx([0.5, 0.5, 0.0])
    assert found[0, 2] == 0
    assert shares(torch.zeros(2, 3)).tolist() == torch.zeros(2, 3).tolist()


def test_the_gap_is_a_quantile_that_an_outlier_does_not_rule():
    grid = torch.arange(20.0)[:, None]
    grid[-1] = 1e6
    assert neighbour_gap(grid, 1, 0.5) == 1
    assert neighbour_gap(grid, 2, 0.5) == 1  # both sides are as near
    assert neighbour_gap(grid, 1, 1.0) > 1e5, "the largest gap is ruled by it"


def test_a_vicinity_that_shrinks_to_equal_labels_gives_the_class_conditional_loss():
    """Discrete labels and kappa -> 0: the mean over vicinities is the mean over samples with their own class."""
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 2, 2, 2])[:, None].float()
    samples, conditions = torch.randn(6, 2), condition(ClassTask(4), labels)
    judge = ConditionalDiscriminator(POINT, 4, width=1, levels=1, units=8, projection=True)
    own = F.softplus(-judge(samples, conditions)).mean()
    for soft in (True, False):
        weights = shares(vicinal_weights(conditions, conditions, 1e-4, soft=soft))
        assert (weights * F.softplus(-judge.pairs(samples, conditions))).sum().item() == pytest.approx(own.item())


@pytest.mark.parametrize("labels", ["vicinal-soft", "vicinal-hard"])
def test_on_classes_the_discriminators_loss_is_the_class_conditional_one(labels):
    gan = method(CLASSES, labels=labels)
    given = batch(torch.randn(12, 2), torch.arange(12)[:, None].float() % 4)
    torch.manual_seed(1)
    terms = gan.discriminator_loss(given)
    torch.manual_seed(1)
    real, classes = gan.read(given)
    made = gan.generator(gan.draw_latent(12), classes)
    assert terms["real"].item() == pytest.approx(F.softplus(-gan.discriminator(real, classes)).mean().item())
    assert terms["generated"].item() == pytest.approx(F.softplus(gan.discriminator(made, classes)).mean().item())


def test_the_diagonal_of_all_pairs_is_each_sample_with_its_own_label():
    gan, given = method(), gaze_batch()
    real, labels = gan.read(given)
    pairs = gan.discriminator.pairs(real, labels)
    assert pairs.shape == (16, 16)
    assert torch.allclose(pairs.diagonal(), gan.discriminator(real, labels)[:, 0], atol=1e-5)


def test_target_labels_stay_in_the_range_of_the_batch_and_differ_from_its_labels():
    gan = method(label_noise=5.0)
    labels = torch.rand(64, 2)
    targets = gan.targets(labels, torch.tensor(0.3))
    assert (targets >= labels.amin(0)).all()
    assert (targets <= labels.amax(0)).all()
    assert (targets != labels).any(1).float().mean() > 0.5


@pytest.mark.parametrize("spec", [CLASSES, GAZE])
def test_concatenated_labels_are_those_of_the_samples(spec):
    gan = method(spec, labels="concatenate")
    labels = condition(spec.task, torch.ones(3, spec.task.label_size))
    assert gan.targets(labels, torch.tensor(1.0)) is labels


@pytest.mark.parametrize("labels", ["vicinal-soft", "concatenate"])
def test_only_the_label_moves_the_output(labels):
    gan = method(labels=labels).eval()
    latent, first, second = gan.draw_latent(5), torch.zeros(5, 2), torch.full((5, 2), 0.3)
    assert not torch.allclose(gan.generate_labelled_from(latent, first), gan.generate_labelled_from(latent, second))
    assert torch.equal(gan.generate_labelled_from(latent, first), gan.generate_labelled_from(latent, first))


@pytest.mark.parametrize("labels", ["vicinal-soft", "vicinal-hard", "concatenate"])
@pytest.mark.parametrize(("phase", "still"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(labels, phase, still):
    gan = method(labels=labels)
    before = [weight.clone() for weight in getattr(gan, still).parameters()]
    phase_runners(gan)[phase].update(gaze_batch())
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(gan, still).parameters(), strict=True))


def test_every_part_of_the_generator_feels_its_loss_and_the_label_reaches_both_networks():
    gan = method().requires_grad_(True)
    sum(value for value in gan.generator_loss(gaze_batch()).values() if value.requires_grad).backward()
    for part in (gan.generator.embed, gan.generator.layers, gan.discriminator.embed):
        assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in part.parameters())


def test_with_the_targets_labels_it_is_an_oracle_and_reads_nothing_of_the_source():
    oracle = CGANConfig(domain="target", units=8)
    assert CGAN.is_oracle(oracle)
    assert not CGAN.is_oracle(CGANConfig())
    assert CGAN.columns(oracle) == ("target", "target_label")
    spec = DataSpec({"target": POINT, "target_label": NUMBER}, ClassTask(4))
    gan = build_method(CGAN, oracle, spec, seed=0, device=CPU)
    given = OracleBatch({"target": torch.randn(6, 2), "target_label": torch.zeros(6, 1)}, torch.tensor(0.0))
    assert "real" in gan.discriminator_loss(given)


def test_data_without_labels_and_domains_of_two_forms_are_declined():
    assert "reads source labels" in reason_to_decline(CGAN, CGANConfig(), image_spec(1, 8, 8, NoTask()))
    spec = DataSpec({"source": POINT, "source_label": NUMBER, "target": Column((3,), "vector")}, ClassTask(4))
    assert "differ in form" in CGAN.declines(CGANConfig(), spec)


@pytest.mark.parametrize("wrong", [{"labels": "nearby"}, {"quantile": 1.5}, {"neighbours": 0}, {"label_noise": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises((ConfigError, ValueError)):
        CGANConfig(**wrong)


def circle(count=4_000):
    """Gaussians of deviation .02 at the angle 2 pi y, without labels in (.4, .5)."""
    random = np.random.default_rng(0)
    label = random.uniform(0, 1, count)
    label = label[(label < 0.4) | (label > 0.5)]
    angle = 2 * np.pi * label
    samples = np.stack([np.cos(angle), np.sin(angle)], 1) + random.normal(0, 0.02, (len(label), 2))
    return Domain("circle", samples.astype(np.float32), label[:, None].astype(np.float32))


def angle_errors(gan, labels):
    """Degrees between generated points and the angle that was asked for."""
    torch.manual_seed(0)
    with torch.no_grad():
        made = gan.generate_labelled(labels)
    angle = torch.atan2(made[:, 1], made[:, 0]) - 2 * math.pi * labels[:, 0]
    return torch.rad2deg(torch.atan2(angle.sin(), angle.cos()).abs())


@pytest.mark.slow
@pytest.mark.parametrize("labels", ["vicinal-soft", "vicinal-hard", "concatenate"])
def test_on_a_circle_the_label_is_the_angle_also_where_no_label_was_seen(labels):
    gan = build_method(CGAN, CGANConfig(units=64, latent=2, lr=1e-3, labels=labels), CIRCLE, seed=0, device=CPU)
    train(gan, circle(), None, TrainConfig(steps=1_500, batch_size=128, precision="fp32", device="cpu"))
    seen, unseen = torch.linspace(0.05, 0.35, 300)[:, None], torch.linspace(0.42, 0.48, 300)[:, None]
    assert angle_errors(gan.eval(), seen).mean() < 12
    assert angle_errors(gan, unseen).mean() < 25
