"""The Dirac-GAN (Mescheder et al. 2018, section 2): which blocks let the simplest game converge, and which do not.

Real data are a point at 0, generated ones a point at t, and the discriminator is p x. Both players take 500 gradient
steps of .2, at once or in turn, from a distance of sqrt(2). The distances that are expected come from a simulation of
the equations.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.penalties import gradient_penalty, r1_penalty

RATE, STEPS, ZERO = 0.2, 500, torch.zeros(1, 1)


def distance(discriminator_loss, generator_loss, *, in_turn: bool, clip: float = math.inf) -> float:
    """The players' distance from the equilibrium (0, 0) in the end."""
    point, slope = torch.ones(1, 1), -torch.ones(1, 1)

    def moved(value: Tensor, loss) -> Tensor:
        value = value.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(value), value)
        return (value - RATE * gradient).detach()

    for _ in range(STEPS):
        next_slope = moved(slope, lambda p: discriminator_loss(p, point)).clamp(-clip, clip)  # noqa: B023
        judge = next_slope if in_turn else slope
        point, slope = moved(point, lambda t: generator_loss(judge, t)), next_slope  # noqa: B023
    return torch.cat([point, slope]).norm().item()


def game(p: Tensor, t: Tensor) -> Tensor:
    terms = discriminator_terms(p * ZERO, p * t)
    return terms["real"] + terms["generated"]


def saturating(p: Tensor, t: Tensor) -> Tensor:
    return -non_saturating(p * t, real=False)


def not_saturating(p: Tensor, t: Tensor) -> Tensor:
    return non_saturating(p * t, real=True)


def wasserstein(p: Tensor, t: Tensor) -> Tensor:
    return (p * t - p * ZERO).mean()


def penalised(p: Tensor, t: Tensor) -> Tensor:
    return wasserstein(p, t) + 0.7 * gradient_penalty(lambda x: p * x, ZERO, t)


def negated(loss):
    return lambda p, t: -loss(p, t)


@pytest.mark.parametrize(
    ("discriminator_loss", "generator_loss", "in_turn", "expected"),
    [
        pytest.param(game, saturating, False, 3.10, id="gan-at-once"),
        pytest.param(game, saturating, True, 1.42, id="gan-in-turn"),
        pytest.param(game, not_saturating, False, 0.64, id="non-saturating-at-once"),
        pytest.param(game, not_saturating, True, 0.28, id="non-saturating-in-turn"),
        pytest.param(penalised, negated(wasserstein), False, 1.80, id="wgan-gp-at-once"),
    ],
)
def test_the_game_ends_where_its_equations_lead(discriminator_loss, generator_loss, in_turn, expected):
    torch.manual_seed(0)
    assert distance(discriminator_loss, generator_loss, in_turn=in_turn) == pytest.approx(expected, rel=0.05)


def test_a_penalised_critic_that_moves_in_turn_circles_as_well():
    torch.manual_seed(0)
    assert 0.7 < distance(penalised, negated(wasserstein), in_turn=True) < 1.6


@pytest.mark.parametrize("in_turn", [False, True])
def test_a_clipped_critic_circles_round_the_equilibrium(in_turn):
    found = distance(wasserstein, negated(wasserstein), in_turn=in_turn, clip=1.0)
    assert found == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("in_turn", [False, True])
def test_instance_noise_lets_it_converge(in_turn):
    """Noise of .7 on both points; its mean over many draws, as the discriminator's loss is an expectation."""
    generator = torch.Generator().manual_seed(0)

    def noisy(p: Tensor, t: Tensor) -> Tensor:
        noise = 0.7 * torch.randn(1000, 2, generator=generator)
        terms = discriminator_terms(p * noise[:, :1], p * (t + noise[:, 1:]))
        return terms["real"] + terms["generated"]

    assert distance(noisy, saturating, in_turn=in_turn) < 0.05


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_a_penalty_of_the_gradient_at_real_points_lets_it_converge(weight, in_turn):
    """Section 4.1, equation 9: R1 is a force that damps the critic; with weight 1 its damping is critical."""

    def penalised_at_real(p: Tensor, t: Tensor) -> Tensor:
        return game(p, t) + weight * r1_penalty(lambda x: p * x, ZERO)

    assert distance(penalised_at_real, saturating, in_turn=in_turn) < 1e-4
