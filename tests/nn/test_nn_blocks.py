"""Shared blocks against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganzoo.nn.adversarial import cross_entropy, least_squares, non_saturating
from ganzoo.nn.ema import ExponentialMovingAverage
from ganzoo.nn.init import normal_init
from ganzoo.nn.penalties import gradient_penalty, r1_penalty
from ganzoo.nn.resnet import ResidualBlock
from ganzoo.nn.reversal import reverse_gradient


def test_reversal_leaves_values_and_turns_the_gradient_by_its_strength():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    y = reverse_gradient(x, torch.tensor(0.25))
    assert torch.equal(y, x)
    (y * torch.tensor([3.0, 5.0])).sum().backward()
    assert x.grad.tolist() == [-0.75, -1.25]


def test_reversal_at_strength_zero_stops_the_gradient():
    x = torch.ones(3, requires_grad=True)
    reverse_gradient(x, torch.tensor(0.0)).sum().backward()
    assert x.grad.abs().sum() == 0


@pytest.mark.parametrize(("slope", "penalty"), [(1.0, 0.0), (3.0, 4.0), (0.0, 1.0)])
def test_the_penalty_of_a_linear_critic_is_its_slope_minus_one_squared(slope, penalty):
    direction = F.normalize(torch.randn(12), dim=0) * slope
    found = gradient_penalty(lambda x: x.flatten(1) @ direction, torch.rand(5, 1, 3, 4), torch.rand(5, 1, 3, 4))
    assert float(found) == pytest.approx(penalty, abs=1e-5)


def test_the_penalty_is_taken_between_real_and_fake_images_and_per_image():
    """For the critic |x|^2 / 2 the gradient is x itself, so its norm is known at each end."""
    real, fake = torch.full((4_000, 1, 1, 1), 2.0), torch.full((4_000, 1, 1, 1), 4.0)
    found = gradient_penalty(lambda x: x.square().flatten(1).sum(1) / 2, real, fake)
    assert found.item() == pytest.approx(13 / 3, rel=0.05)  # the mean of (x - 1)^2 for x uniform in [2, 4]


def test_the_penalty_trains_the_critic_and_nothing_else():
    critic, fake = nn.Linear(4, 1), torch.rand(2, 1, 2, 2, requires_grad=True)
    gradient_penalty(lambda x: critic(x.flatten(1)), torch.rand(2, 1, 2, 2), fake).backward()
    assert critic.weight.grad.abs().sum() > 0
    assert fake.grad is None


def test_the_penalty_is_float32_under_autocast():
    seen = []

    def critic(x):
        seen.append((F.linear(x.flatten(1), torch.ones(1, 4))).dtype)
        return x.sum()

    with torch.autocast("cpu", torch.bfloat16):
        gradient_penalty(critic, torch.rand(2, 1, 2, 2).bfloat16(), torch.rand(2, 1, 2, 2))
    assert seen == [torch.float32]


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
def test_r1_of_a_linear_critic_is_its_squared_slope_and_trains_it(slope):
    critic = nn.Linear(12, 1)
    critic.weight.data = F.normalize(torch.randn(1, 12)) * slope
    found = r1_penalty(lambda x: critic(x.flatten(1)), torch.rand(5, 1, 3, 4))
    assert found.item() == pytest.approx(slope**2, abs=1e-5)
    found.backward()
    torch.testing.assert_close(critic.weight.grad, 2 * critic.weight.detach())


def test_r1_is_taken_at_the_real_samples_and_per_sample():
    """For the critic |x|^2 / 2 the gradient is x itself."""
    real = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    assert r1_penalty(lambda x: x.square().sum(1) / 2, real).item() == pytest.approx((1 + 9) / 2)


def test_cross_entropy_is_the_mean_over_patches_of_minus_log_softmax():
    scores = torch.randn(3, 2, 4, 5)
    share = scores.exp()[:, 1] / scores.exp().sum(1)
    assert float(cross_entropy(scores, real=True)) == pytest.approx(float(-share.log().mean()), rel=1e-5)
    assert float(cross_entropy(scores, real=False)) == pytest.approx(float(-(1 - share).log().mean()), rel=1e-5)


def test_two_class_cross_entropy_is_the_non_saturating_loss_of_the_difference():
    scores = torch.randn(3, 2, 4, 5)
    for real in (True, False):
        difference = non_saturating(scores[:, 1] - scores[:, 0], real=real)
        assert float(cross_entropy(scores, real=real)) == pytest.approx(float(difference), rel=1e-5)


def test_non_saturating_is_binary_cross_entropy_and_stays_finite():
    logits = torch.randn(50)
    for real in (True, False):
        reference = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
        assert float(non_saturating(logits, real=real)) == pytest.approx(float(reference), rel=1e-5)
    assert float(non_saturating(torch.tensor([-1e4]), real=True)) == 1e4


def test_least_squares_is_the_squared_distance_from_one_and_from_zero():
    scores = torch.tensor([1.0, 0.0, 3.0])
    assert float(least_squares(scores, real=True)) == pytest.approx(5 / 3)
    assert float(least_squares(scores, real=False)) == pytest.approx(10 / 3)


@pytest.mark.parametrize("loss", [cross_entropy, non_saturating, least_squares])
def test_adversarial_losses_are_float32_for_bfloat16_scores(loss):
    assert loss(torch.randn(2, 2, 3, 3).bfloat16(), real=True).dtype == torch.float32


def test_a_residual_block_adds_to_its_input():
    block = ResidualBlock(6)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = torch.randn(2, 6, 5, 7)
    assert torch.equal(block(x), x)


def test_a_residual_block_has_two_3x3_convolutions_with_a_bias_where_no_norm_has_one():
    def size(module):
        return sum(parameter.numel() for parameter in module.parameters())

    assert size(ResidualBlock(64)) == 2 * (9 * 64 * 64 + 64)
    assert size(ResidualBlock(8, nn.InstanceNorm2d, "reflect")) == 2 * 9 * 8 * 8
    assert size(ResidualBlock(8, nn.BatchNorm2d)) == 2 * (9 * 8 * 8 + 16)


def test_normal_init_draws_weights_with_the_published_spread():
    network = nn.Sequential(
        nn.Conv2d(64, 64, 3), nn.BatchNorm2d(4_000), nn.ConvTranspose2d(64, 64, 3), nn.Linear(99, 99)
    )
    normal_init(network.requires_grad_(False))
    for layer in (network[0], network[2], network[3]):
        spread = 5 * 0.02 / math.sqrt(2 * layer.weight.numel())
        assert float(layer.weight.std()) == pytest.approx(0.02, abs=spread)
        assert layer.bias.abs().sum() == 0
    assert float(network[1].weight.mean()) == pytest.approx(1, abs=5 * 0.02 / math.sqrt(4_000))
    assert float(network[1].weight.std()) == pytest.approx(0.02, abs=5 * 0.02 / math.sqrt(8_000))
    assert network[1].bias.abs().sum() == 0


def walk(average, network, values):
    for value in values:
        nn.init.constant_(network.weight, value)
        average.update(network)
    return average.network.weight.item()


def test_an_average_is_the_plain_mean_of_the_first_updates_and_forgets_the_weights_before_them():
    network = nn.Linear(1, 1, bias=False)
    assert walk(ExponentialMovingAverage(network, 0.9), network, [1.0, 2.0, 6.0]) == pytest.approx(3.0)


def test_an_average_then_decays_exponentially():
    network = nn.Linear(1, 1, bias=False)
    average = ExponentialMovingAverage(network, 0.5)
    assert walk(average, network, [8.0, 8.0, 0.0, 0.0]) == pytest.approx(8.0 / 4)


def test_an_average_computes_with_its_own_weights_and_leaves_the_networks_alone():
    network = nn.Linear(1, 1, bias=False)
    average = ExponentialMovingAverage(network, 0.9)
    walk(average, network, [2.0, 4.0])
    assert average(torch.ones(1, 1)).item() == pytest.approx(3.0)
    assert network.weight.item() == 4.0
    assert not any(parameter.requires_grad for parameter in average.parameters())


@pytest.mark.parametrize("decay", [0.0, 1.0, -1.0])
def test_an_average_needs_a_decay_between_0_and_1(decay):
    with pytest.raises(ValueError, match="between 0 and 1"):
        ExponentialMovingAverage(nn.Linear(1, 1), decay)
