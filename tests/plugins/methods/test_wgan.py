"""Facts of Arjovsky et al. 2017 and Gulrajani et al. 2017."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.wgan import WGAN, WGANConfig
from ganzoo_generative.wgan_gp import WGANGP, WGANGPConfig

from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.nn.penalties import gradient_penalty
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())
LINE = DataSpec({"target": Column((1,), "vector")}, NoTask())


def wgan(spec=PLANE, **settings):
    return build_method(WGAN, WGANConfig(**settings), spec, seed=0, device=CPU)


def wgan_gp(spec=PLANE, **settings):
    return build_method(WGANGP, WGANGPConfig(**settings), spec, seed=0, device=CPU)


def batch(target):
    return Batch({"target": target}, torch.tensor(0.0))


def test_after_an_update_all_weights_of_the_critic_are_clipped_and_some_lie_on_the_edge():
    method = wgan(clip=0.01)
    phase_runners(method)["critic"].update(batch(torch.randn(64, 2)))
    weights = torch.cat([weight.flatten() for weight in method.critic.parameters()])
    assert weights.abs().max() <= 0.01
    assert (weights.abs() == torch.tensor(0.01)).any()


def test_the_critic_leads_in_the_first_25_steps_and_every_500th():
    method = wgan(critic_steps=2, first_critic_steps=7)
    led = [step for step in range(1_100) if len(method.schedule(step)) == 8]
    assert led == [*range(25), 500, 1_000]
    assert method.schedule(30) == ("critic", "critic", "generator")


@pytest.mark.parametrize("make", [wgan, wgan_gp])
def test_the_gap_is_the_difference_of_the_critics_means(make):
    method = make()
    method.critic = torch.nn.Flatten()  # its answer is the sample itself
    method.generate = lambda count: torch.full((count, 2), -1.0)
    terms = method.critic_loss(batch(torch.full((8, 2), 3.0)))
    assert terms["gap"].item() == pytest.approx(4)
    assert terms["wasserstein"].item() == pytest.approx(-4)


@pytest.mark.parametrize("weights", [[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
def test_the_penalty_of_a_linear_critic_is_the_squared_distance_of_its_slope_from_1(weights):
    slope = torch.tensor(weights)
    penalty = gradient_penalty(lambda x: x.flatten(1) @ slope, torch.randn(16, 2), torch.randn(16, 2))
    assert penalty.item() == pytest.approx((slope.norm().item() - 1) ** 2, abs=1e-6)


def test_the_penalty_reaches_the_critics_weights():
    critic = torch.nn.Linear(2, 1)
    gradient_penalty(critic, torch.randn(8, 2), torch.randn(8, 2)).backward()
    assert critic.weight.grad.abs().sum() > 0


def test_points_between_lie_on_the_lines_from_real_to_fake_with_one_share_for_a_sample():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum(1)

    gradient_penalty(critic, torch.zeros(32, 3), torch.ones(32, 3))
    assert torch.equal(seen[0], seen[0][:, :1].expand(-1, 3))
    assert len(seen[0][:, 0].unique()) == 32


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_penalised_critics_gap_is_the_distance_of_two_shifted_normals(shift):
    """W1 of N(0, 1) and N(m, 1) is m, however far they lie apart, where a discriminator's loss is exhausted."""
    torch.manual_seed(0)
    method = wgan_gp(LINE, penalty=10.0, lr=2e-3, beta1=0.0)
    method.generate = lambda count: torch.randn(count, 1)
    runner = phase_runners(method)["critic"]
    for _ in range(400):
        terms = runner.update(batch(torch.randn(256, 1) + shift))
    assert terms["gap"].item() == pytest.approx(shift, rel=0.25)


@pytest.mark.parametrize("make", [wgan, wgan_gp])
@pytest.mark.parametrize(("phase", "still"), [("generator", "critic"), ("critic", "generator")])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(make, phase, still):
    method = make()
    before = [weight.clone() for weight in getattr(method, still).parameters()]
    phase_runners(method)[phase].update(batch(torch.randn(16, 2)))
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(method, still).parameters(), strict=True))
