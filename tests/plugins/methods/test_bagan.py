"""Facts of Mariani et al. 2018."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_generative.bagan import BAGAN, BAGANConfig

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.dataset import Domain
from ganzoo.task import ClassTask, GazeTask, NoTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
CORNERS = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)


def points(task, labels=1):
    return DataSpec({"source": Column((2,), "vector"), "source_label": Column((labels,), "vector")}, task)


def method(spec=None, **settings):
    config = BAGANConfig(**{"latent": 3, "units": 16, **settings})
    return build_method(BAGAN, config, spec or points(ClassTask(4)), seed=0, device=CPU)


def batch(size=12):
    labels = torch.arange(size)[:, None].float() % 4
    return Batch({"source": torch.randn(size, 2), "source_label": labels}, torch.tensor(0.0))


def test_the_moments_of_each_class_are_those_of_its_codes():
    gan = method(memory=0.9999)
    torch.manual_seed(0)
    scale = torch.tensor([1.0, 0.5, 2.0])
    for _ in range(30):
        classes = torch.arange(400) % 4
        gan.record(torch.randn(400, 3) * scale + classes[:, None], classes)
    gan.begin_adversarial()
    for number in range(4):
        assert gan.mean[number].tolist() == pytest.approx([number] * 3, abs=0.15)
        covariance = gan.factor[number] @ gan.factor[number].T
        assert torch.allclose(covariance, torch.diag(scale**2), atol=0.35)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_codes_far_from_zero_and_near_each_other_have_a_covariance_also_under_autocast(precision):
    gan = method(latent=8, memory=0.99)
    torch.manual_seed(0)
    classes = torch.arange(400) % 4
    with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
        for _ in range(30):
            gan.record(100 + 0.1 * torch.randn(400, 8), classes)
        gan.begin_adversarial()
    covariance = gan.factor[0] @ gan.factor[0].T
    assert covariance.diagonal().max() < 0.5  # .01, the ridge, and what rounding may hide


def test_a_rare_class_forgets_with_its_own_samples_only():
    gan = method(memory=0.5)
    gan.record(torch.full((1, 3), 7.0), torch.tensor([2]))
    kept = gan.total[2].clone()
    for _ in range(20):
        gan.record(torch.zeros(8, 3), torch.zeros(8, dtype=torch.long))
    assert torch.equal(gan.total[2], kept)
    assert gan.total[0].abs().max() == 0


def test_the_adversarial_stage_starts_from_the_encoder_and_leaves_it_alone():
    gan = method()
    first, second = gan.stages()
    assert list(first.schedule(0)) == ["autoencoder"]
    phase_runners(gan)["autoencoder"].update(batch())
    second.begin()
    assert all(torch.equal(a, b) for a, b in zip(gan.trunk.parameters(), gan.encoder.parameters(), strict=True))
    before = [weight.clone() for weight in gan.encoder.parameters()]
    for phase in second.schedule(0):
        phase_runners(gan)[phase].update(batch())
    assert all(torch.equal(a, b) for a, b in zip(before, gan.encoder.parameters(), strict=True))


@pytest.mark.parametrize(("phase", "still"), [("generator", ("trunk", "head")), ("discriminator", ("generator",))])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, still):
    gan = method()
    before = [weight.clone() for name in still for weight in getattr(gan, name).parameters()]
    phase_runners(gan)[phase].update(batch())
    now = [weight for name in still for weight in getattr(gan, name).parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, now, strict=True))


def test_classes_are_asked_for_equally_often_however_rare_they_are_but_not_empty_ones():
    gan = method()
    gan.record(torch.zeros(901, 3), torch.tensor([0] * 890 + [1] * 10 + [3]))
    asked = torch.bincount(gan.balanced(6_000, CPU), minlength=4) / 6_000
    assert asked.tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3], abs=0.03)


def test_an_undecided_discriminator_pays_the_logarithm_of_its_classes():
    gan = method()
    for parameter in gan.head.parameters():
        torch.nn.init.zeros_(parameter)
    terms = gan.discriminator_loss(batch())
    assert (terms["real"] + terms["generated"]).item() == pytest.approx(math.log(5), abs=1e-5)
    assert (terms["real"] / terms["generated"]).item() == pytest.approx(12 / 3), "as many as a class has on average"


def test_gaze_is_balanced_in_bins_of_both_angles():
    gan = method(points(GazeTask(), 2), bins=4)
    assert gan.classes == 16
    labels = torch.tensor([[-0.49, -0.49], [-0.49, 0.49], [0.49, 0.49], [3.0, -3.0], [0.01, -0.01]])
    assert gan.class_of(labels).tolist() == [0, 3, 15, 12, 9]


def test_settings_and_data():
    assert BAGAN.is_oracle(BAGANConfig(domain="target"))
    assert not BAGAN.is_oracle(BAGANConfig())
    assert "none" in BAGAN.declines(BAGANConfig(), image_spec(1, 9, 15, NoTask()))
    with pytest.raises(ValueError, match="memory"):
        BAGANConfig(memory=1.0)


def corners(count=2_000):
    """Narrow Gaussians at four corners; class 3 is in one of 50 samples."""
    random = np.random.default_rng(0)
    classes = random.choice(4, size=count, p=[0.33, 0.33, 0.32, 0.02])
    samples = CORNERS[classes] + random.normal(0, 0.1, (count, 2))
    return Domain("corners", samples.astype(np.float32), classes[:, None].astype(np.float32))


def test_after_the_autoencoder_codes_of_a_class_decode_to_it_also_of_a_rare_one():
    """Before any adversarial step (section 3.2)."""
    gan = method(units=64, latent=2, adversarial=1e-6)
    train(gan, corners(), None, TrainConfig(steps=400, batch_size=64, precision="fp32", device="cpu"))
    gan.eval().begin_adversarial()
    labels = torch.arange(400)[:, None].float() % 4
    torch.manual_seed(0)
    with torch.no_grad():
        made = gan.generate_labelled(labels)
    nearest = torch.cdist(made, torch.from_numpy(CORNERS)).argmin(1)
    right = nearest == labels[:, 0].long()
    assert right.float().mean() > 0.9
    assert right[3::4].float().mean() > 0.8
