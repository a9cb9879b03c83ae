"""Instance noise, packing, smoothing and latents on a sphere."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from ganzoo.nn.adversarial import discriminator_terms, hinge, non_saturating
from ganzoo.nn.remedies import instance_noise, on_sphere, pack


def test_noise_has_its_deviation_and_none_at_the_end():
    samples = torch.zeros(200, 500)
    assert instance_noise(samples, torch.tensor(0.3)).std().item() == pytest.approx(0.3, rel=0.01)
    assert torch.equal(instance_noise(samples, torch.tensor(0.0)), samples)


@pytest.mark.parametrize("shape", [(2,), (3, 4, 5)])
def test_a_pack_holds_consecutive_samples_one_after_the_other(shape):
    samples = torch.randn(6, *shape)
    packs = pack(samples, 3)
    assert packs.shape == (2, 3 * shape[0], *shape[1:])
    assert torch.equal(packs[1], torch.cat([samples[3], samples[4], samples[5]]))


def test_vectors_on_a_sphere_keep_their_direction_and_have_the_length_of_the_typical_normal_one():
    latents = torch.randn(50, 400)
    moved = on_sphere(latents)
    assert torch.allclose(moved.norm(dim=1), torch.full((50,), 20.0))
    assert torch.allclose(F.cosine_similarity(moved, latents), torch.ones(50))
    assert moved.std().item() == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("logit", [-3.0, 0.5, 4.0])
def test_a_smoothed_class_is_a_cross_entropy_with_that_target(logit):
    scores = torch.full((4, 1), logit)
    wanted = F.binary_cross_entropy_with_logits(scores, torch.full((4, 1), 0.9))
    assert non_saturating(scores, real=True, smoothing=0.1).item() == pytest.approx(wanted.item(), rel=1e-6)
    wanted = F.binary_cross_entropy_with_logits(scores, torch.full((4, 1), 0.1))
    assert non_saturating(scores, real=False, smoothing=0.1).item() == pytest.approx(wanted.item(), rel=1e-6)


@pytest.mark.parametrize(("real", "generated"), [(0.5, 0.5), (0.8, 0.1), (0.05, 0.9)])
def test_with_one_sided_smoothing_the_best_discriminator_is_a_share_of_the_density_ratio(real, generated):
    """D* = .9 p / (p + q) (Salimans et al. 2016, section 3.4): the gradient of its loss is zero there."""
    best = 0.9 * real / (real + generated)
    logit = torch.tensor(math.log(best / (1 - best)), requires_grad=True)
    terms = discriminator_terms(logit[None], logit[None], smoothing=0.1)
    (real * terms["real"] + generated * terms["generated"]).backward()
    assert logit.grad.item() == pytest.approx(0, abs=1e-6)


def test_the_hinge_is_zero_beyond_the_margin_and_linear_before_it():
    scores = torch.tensor([-2.0, 0.0, 0.5, 3.0])
    assert hinge(scores, real=True).item() == pytest.approx((3 + 1 + 0.5 + 0) / 4)
    assert hinge(scores, real=False).item() == pytest.approx((0 + 1 + 1.5 + 4) / 4)
