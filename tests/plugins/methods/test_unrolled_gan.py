"""Facts of Metz et al. 2017. That `unroll` gives the gradient of the bilinear game is tested in tests/nn."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.unrolled_gan import UnrolledGAN, UnrolledGANConfig

from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())


def method(**settings):
    return build_method(UnrolledGAN, UnrolledGANConfig(**settings), PLANE, seed=0, device=torch.device("cpu"))


def batch(target):
    return Batch({"target": target}, torch.tensor(0.0))


def generator_gradient(**settings):
    gan = method(width=8, discriminator_width=8, **settings)
    for weight in gan.generator.parameters():
        weight.requires_grad_()
    torch.manual_seed(1)
    gan.generator_loss(batch(torch.randn(32, 2)))["adversarial"].backward()
    return torch.cat([weight.grad.flatten() for weight in gan.generator.parameters()])


def test_without_unrolled_steps_it_is_the_non_saturating_gan():
    gan = method(unrolled_steps=0)
    torch.manual_seed(3)
    loss = gan.generator_loss(batch(torch.randn(16, 2)))["adversarial"]
    torch.manual_seed(3)
    torch.randn(16, 2)
    wanted = torch.nn.functional.softplus(-gan.discriminator(gan.generate(16))).mean()
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)


def test_the_gradient_passes_through_the_unrolled_steps():
    """Against finite differences in float64: a detached inner step would miss the second term of equation 11."""
    gan = method(width=4, discriminator_width=4, latent=2, unrolled_steps=2, inner_lr=0.5).double()
    latent, real = torch.randn(16, 2, dtype=torch.float64), torch.randn(16, 2, dtype=torch.float64)
    gan.generator.draw_latent = lambda count: latent
    gan.generator.forward = lambda latent: gan.generator.layers(latent)  # in float64 to the end
    weight = gan.generator.layers[0].weight
    import ganzoo_generative.unrolled_gan as module

    def loss():
        return gan.generator_loss(batch(real))["adversarial"]

    plain = module.non_saturating
    module.non_saturating = lambda scores, *, real: torch.nn.functional.softplus(-scores if real else scores).mean()
    try:
        weight.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(), weight)
        weight.requires_grad_(False)
        step, found = 1e-5, torch.zeros_like(weight)
        for at in range(weight.numel()):
            for sign in (1, -1):
                weight.view(-1)[at] += sign * step
                found.view(-1)[at] += sign * loss().detach() / (2 * step)
                weight.view(-1)[at] -= sign * step
    finally:
        module.non_saturating = plain
    torch.testing.assert_close(gradient, found, rtol=1e-5, atol=1e-8)


def test_foreseen_steps_change_the_generators_gradient_and_leave_the_discriminator_as_it_is():
    assert not torch.allclose(generator_gradient(unrolled_steps=0), generator_gradient(unrolled_steps=3))
    gan = method()
    before = [weight.clone() for weight in gan.discriminator.parameters()]
    phase_runners(gan)["generator"].update(batch(torch.randn(16, 2)))
    assert all(torch.equal(a, b) for a, b in zip(before, gan.discriminator.parameters(), strict=True))
