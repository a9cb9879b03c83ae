"""The bilinear game t * p: the generator holds t and descends, the discriminator holds p and ascends with rate eta."""

import pytest
import torch
from torch import nn

from ganzoo.nn.unroll import call_with, unroll

T, P, ETA = 0.7, -0.4, 0.1


class Player(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))

    def forward(self, x):
        return self.value * x


def gradient(steps):
    """Of the generator after the discriminator's unrolled steps."""
    generator, discriminator = Player(T), Player(P)
    unrolled = unroll(discriminator, lambda p: -call_with(discriminator, p, generator.value), steps=steps, lr=ETA)
    call_with(discriminator, unrolled, generator.value).backward()
    return generator.value.grad.item(), discriminator


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10])
def test_the_gradient_goes_through_every_inner_step(steps):
    assert gradient(steps)[0] == pytest.approx(P + 2 * steps * ETA * T), (
        "a detached step would give P + steps * ETA * T"
    )


def test_the_network_itself_stays_as_it_is():
    _, discriminator = gradient(5)
    assert discriminator.value.item() == P
    assert discriminator.value.grad is None


def test_it_agrees_with_finite_differences():
    torch.manual_seed(0)
    generator = nn.Linear(2, 2).double()
    discriminator = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    noise, real = torch.randn(6, 2).double(), torch.randn(6, 2).double()

    def outer(weight):
        made = noise @ weight.T

        def loss(p):
            scores = call_with(discriminator, p, real), call_with(discriminator, p, made)
            return nn.functional.softplus(-scores[0]).mean() + nn.functional.softplus(scores[1]).mean()

        unrolled = unroll(discriminator, loss, steps=2, lr=0.3)
        return nn.functional.softplus(-call_with(discriminator, unrolled, made)).mean()

    assert torch.autograd.gradcheck(outer, generator.weight.detach().clone().requires_grad_())
