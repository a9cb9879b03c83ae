"""Facts of Li et al. 2015."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_generative.gmmn import GMMN, GMMNConfig
from pydantic import ValidationError

from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.dataset import Domain
from ganzoo.nn.mmd import squared_mmd
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners

PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())


@pytest.mark.parametrize("distance", [0.0, 0.5, 3.0])
def test_the_discrepancy_of_two_point_masses_has_its_closed_form(distance):
    a, b = torch.zeros(5, 3), torch.zeros(7, 3)
    b[:, 1] = distance
    wanted = 2 - 2 * math.exp(-(distance**2) / (2 * 0.7))
    assert squared_mmd(a, b, [0.7]).item() == pytest.approx(wanted, abs=1e-6)


def test_kernels_of_several_variances_are_summed():
    a, b = torch.randn(20, 4), torch.randn(30, 4) + 1
    together = squared_mmd(a, b, [0.5, 2.0])
    assert together.item() == pytest.approx((squared_mmd(a, b, [0.5]) + squared_mmd(a, b, [2.0])).item(), rel=1e-5)


def test_a_set_has_no_discrepancy_from_itself_and_halves_of_one_set_little():
    points = torch.randn(2_000, 2)
    assert squared_mmd(points, points, [1.0]).item() == pytest.approx(0, abs=1e-6)
    near, far = squared_mmd(points[:1000], points[1000:], [1.0]), squared_mmd(points[:1000], points[1000:] + 1, [1.0])
    assert near < 4 / 1_000 < far / 10


def test_the_gradient_is_that_of_finite_differences():
    a = torch.randn(6, 2, requires_grad=True)
    b = torch.randn(5, 2)
    squared_mmd(a, b, [1.0]).backward()
    step = 1e-2
    moved = a.detach().clone()
    moved[2, 1] += step
    back = a.detach().clone()
    back[2, 1] -= step
    found = (squared_mmd(moved, b, [1.0]) - squared_mmd(back, b, [1.0])) / (2 * step)
    assert a.grad[2, 1].item() == pytest.approx(found.item(), rel=2e-2, abs=1e-4)


@pytest.mark.parametrize("variances", [(), (1.0, 0.0), (-2.0,), (float("inf"),)])
def test_a_bandwidth_that_is_not_positive_is_refused(variances):
    with pytest.raises(ValidationError, match="positive"):
        GMMNConfig(variances=variances)


def test_with_codes_the_generator_learns_the_codes_of_a_frozen_autoencoder():
    method = build_method(GMMN, GMMNConfig(codes=3, variances=(1.0,)), PLANE, seed=0, device=torch.device("cpu"))
    first, second = method.stages()
    assert (first.schedule(0), second.schedule(0)) == (("autoencoder",), ("generator",))
    points = torch.randn(64, 2)
    before = [weight.clone() for weight in (*method.encoder.parameters(), *method.decoder.parameters())]
    terms = phase_runners(method)["generator"].update(Batch({"target": points}, torch.tensor(0.0)))
    assert all(
        torch.equal(a, b)
        for a, b in zip(before, (*method.encoder.parameters(), *method.decoder.parameters()), strict=True)
    )
    codes = method.learned(points)
    assert codes.shape == (64, 3)
    assert 0 < codes.min() < codes.max() < 1
    assert 0 < terms["mmd"] < 2**0.5  # of one kernel
    assert method.generate(5).shape == (5, 2)


def test_training_lowers_the_discrepancy_to_points_that_it_has_not_seen():
    points = np.random.default_rng(0).normal((1, -1), 0.3, (3_000, 2)).astype(np.float32)
    method = build_method(GMMN, GMMNConfig(), PLANE, seed=0, device=torch.device("cpu"))
    held_out = torch.from_numpy(points[2_000:])

    def discrepancy():
        torch.manual_seed(5)
        with torch.no_grad():
            return squared_mmd(method.generate(1_000), held_out, method.config.variances).item()

    before = discrepancy()
    config = TrainConfig(steps=200, batch_size=256, precision="fp32", device="cpu")
    train(method, None, Domain("gaussian", points[:2_000]), config)
    assert discrepancy() < before / 20
