"""Facts of Kingma and Welling 2014."""

from __future__ import annotations

import math

import pytest
import torch
from ganzoo_autoencoders.vae import VAE, VAEConfig
from pydantic import ValidationError
from torch.distributions import Normal, kl_divergence

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
IMAGES = image_spec(1, 6, 6, NoTask())
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())


def method(spec=IMAGES, **settings):
    return build_method(VAE, VAEConfig(**{"width": 32, **settings}), spec, seed=0, device=CPU)


def batch(target):
    return Batch({"target": target}, torch.tensor(0.0))


def test_the_loss_is_the_negated_bound_in_nats_for_each_sample():
    torch.manual_seed(0)
    vae, images = method(deviation=0.3), torch.rand(8, 1, 6, 6) * 2 - 1
    torch.manual_seed(1)
    terms = vae.loss(batch(images))
    torch.manual_seed(1)
    mean, log_variance = vae.encoder(images).chunk(2, 1)
    posterior = Normal(mean, (log_variance / 2).exp())
    made = vae.generate_from(mean + posterior.scale * torch.randn(8, vae.code_size))
    likelihood = Normal(made, 0.3).log_prob(images).flatten(1).sum(1)
    divergence = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    assert terms["reconstruction"].item() == pytest.approx(-likelihood.mean().item(), rel=1e-5)
    assert terms["divergence"].item() == pytest.approx(divergence.mean().item(), rel=1e-4, abs=1e-6)


def test_the_divergence_does_not_reach_the_decoder():
    vae = method()
    vae.requires_grad_(True)
    terms = vae.loss(batch(torch.rand(4, 1, 6, 6)))
    grads = torch.autograd.grad(terms["divergence"], list(vae.decoder.parameters()), allow_unused=True)
    assert all(grad is None for grad in grads)


def test_encoding_is_the_mean_and_reconstructing_draws_no_noise():
    vae, images = method().eval(), torch.rand(4, 1, 6, 6)
    assert torch.equal(vae.encode(images), vae.encoder(images)[:, : vae.code_size])
    assert torch.equal(vae.reconstruct(images), vae.reconstruct(images))


def test_codes_of_a_linear_gaussian_problem_hold_as_much_as_the_posterior_allows():
    """x of N(0, 1) seen with noise s: with the decoder x = a z the best bound is exact, and its divergence from the
    prior is half the log of 1 / s^2 (channel capacity, a^2 + s^2 = 1)."""
    torch.manual_seed(0)
    deviation = 0.5
    vae = method(DataSpec({"target": Column((1,), "vector")}, NoTask()), latent=1, deviation=deviation, lr=3e-3)
    runner = phase_runners(vae)["autoencoder"]
    for _ in range(600):
        runner.update(batch(torch.randn(256, 1)))
    with torch.no_grad():
        runs = [vae.loss(batch(torch.randn(4_096, 1))) for _ in range(10)]
    bound = sum(float(terms["reconstruction"] + terms["divergence"]) for terms in runs) / len(runs)
    entropy = 0.5 * math.log(2 * math.pi * math.e)
    assert bound == pytest.approx(entropy, abs=0.05), "the evidence of N(0, 1) itself"
    divergence = sum(float(terms["divergence"]) for terms in runs) / len(runs)
    assert divergence == pytest.approx(-math.log(deviation), rel=0.2)


def test_a_likelihood_that_expects_much_noise_empties_the_codes():
    torch.manual_seed(0)
    divergence = {}
    for deviation in (0.1, 3.0):
        vae = method(PLANE, latent=2, deviation=deviation)
        runner = phase_runners(vae)["autoencoder"]
        for _ in range(200):
            terms = runner.update(batch(torch.randn(128, 2)))
        divergence[deviation] = float(terms["divergence"])
    assert divergence[3.0] < 0.2 < 2 < divergence[0.1]


def test_codes_without_information_are_said_to_have_collapsed():
    assert "Posterior collapse" in method().diagnose({"autoencoder/divergence": 0.01})[0]
    assert not method().diagnose({"autoencoder/divergence": 5.0, "autoencoder/diversity": 0.9})


def test_bad_settings_are_refused():
    for settings in ({"deviation": 0.0}, {"latent": 0}, {"optimizer": "sgd"}):
        with pytest.raises(ValidationError):
            VAEConfig(**settings)
