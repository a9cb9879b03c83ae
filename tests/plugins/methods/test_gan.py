"""Facts of Goodfellow et al. 2014."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_generative.gan import GAN, GANConfig, Maxout

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.dataset import Domain
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
PLANE = DataSpec({"target": Column((2,), "vector")}, NoTask())
LINE = DataSpec({"target": Column((1,), "vector")}, NoTask())


def method(spec=PLANE, **settings):
    return build_method(GAN, GANConfig(**settings), spec, seed=0, device=CPU)


def batch(target):
    return Batch({"target": target}, torch.tensor(0.0))


@pytest.mark.parametrize(
    ("loss", "slope"),
    [("saturating", lambda a: -1 / (1 + math.exp(-a))), ("non-saturating", lambda a: -(1 - 1 / (1 + math.exp(-a))))],
)
@pytest.mark.parametrize("logit", [-10.0, 0.0, 3.0])
def test_the_generator_feels_the_gradient_that_its_loss_has_in_the_logit(loss, slope, logit):
    """log(1 - D) has slope -D, which vanishes while D is sure; -log D has -(1 - D), which does not."""
    gan = method(loss=loss)
    logits = torch.full((4, 1), logit, requires_grad=True)
    gan.discriminator = type("Constant", (torch.nn.Module,), {"forward": lambda self, made: logits})()
    gan.generator_loss(batch(torch.zeros(4, 2)))["adversarial"].backward()
    assert logits.grad.sum().item() == pytest.approx(slope(logit), abs=1e-6)


def test_an_undecided_discriminator_pays_twice_the_logarithm_of_two():
    gan = method()
    for parameter in gan.discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    terms = gan.discriminator_loss(batch(torch.zeros(8, 2)))
    assert (terms["real"] + terms["generated"]).item() == pytest.approx(2 * math.log(2), abs=1e-6)


def test_the_best_discriminator_is_the_share_of_real_density():
    """Proposition 1, for N(1, 1) against N(-1, 1): D*(x) = p / (p + q), whose logit is 2 x."""
    torch.manual_seed(0)
    gan = method(LINE, lr=3e-3)
    gan.generate = lambda count: torch.randn(count, 1) - 1
    runner = phase_runners(gan)["discriminator"]
    for _ in range(600):
        runner.update(batch(torch.randn(512, 1) + 1))
    x = torch.linspace(-1.5, 1.5, 13)[:, None]
    with torch.no_grad():
        found = torch.sigmoid(gan.discriminator(x))
    assert (found - torch.sigmoid(2 * x)).abs().max() < 0.06


@pytest.mark.parametrize("steps", [1, 3])
def test_the_discriminator_moves_k_times_for_one_move_of_the_generator(steps):
    assert method(discriminator_steps=steps).schedule(7) == ("discriminator",) * steps + ("generator",)


@pytest.mark.parametrize(("phase", "still"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, still):
    gan = method()
    before = [parameter.clone() for parameter in getattr(gan, still).parameters()]
    phase_runners(gan)[phase].update(batch(torch.randn(16, 2)))
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(gan, still).parameters(), strict=True))


def test_latents_have_zero_mean_and_unit_variance_and_bounds():
    torch.manual_seed(0)
    latent = method().draw_latent(20_000)
    assert latent.mean().item() == pytest.approx(0, abs=0.01)
    assert latent.var().item() == pytest.approx(1, abs=0.01)
    assert latent.abs().max() <= 3**0.5


def test_maxout_is_the_largest_of_its_pieces_and_may_be_negative():
    unit = Maxout(1, 1, 2)
    with torch.no_grad():
        unit.linear.weight.copy_(torch.tensor([[1.0], [2.0]]))
        unit.linear.bias.fill_(-5.0)
    assert unit(torch.tensor([[1.0], [-1.0]])).tolist() == [[-3.0], [-6.0]]


def test_images_are_made_in_their_range_and_shape():
    images = method(image_spec(1, 5, 7, NoTask()), latent=3).generate(4)
    assert images.shape == (4, 1, 5, 7)
    assert images.abs().max() <= 1


def test_rates_fall_geometrically_to_the_final_one():
    gan = method(lr=0.1, final_lr=0.001)
    assert [0.1 * gan.decay(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.1, 0.01, 0.001])


def test_the_source_can_be_learned_instead():
    spec = image_spec(1, 4, 4, NoTask())
    assert GAN.columns(GANConfig(domain="source")) == ("source",)
    assert "real" in method(spec, domain="source").discriminator_loss(
        Batch({"source": torch.zeros(4, 1, 4, 4)}, torch.tensor(0.0))
    )


def test_it_comes_near_one_gaussian_in_seconds():
    points = np.random.default_rng(0).normal((2, -1), 0.5, (2_000, 2)).astype(np.float32)
    gan = method()
    config = TrainConfig(steps=400, batch_size=128, precision="fp32", device="cpu")
    train(gan, None, Domain("gaussian", points), config)
    torch.manual_seed(0)
    with torch.no_grad():
        made = gan.generate(2_000)
    assert (made.mean(0) - torch.tensor([2.0, -1.0])).norm() < 1.0, "it circles round the truth, from 2.2 away"
    assert 0.1 < made.std(0).mean() < 1.0


@pytest.mark.parametrize("packing", [2, 4])
def test_a_packing_discriminator_judges_samples_together(packing):
    gan = method(packing=packing)
    assert gan.judge(torch.randn(8, 2), torch.tensor(0.0)).shape == (8 // packing, 1)
    assert GAN.batch_multiple(gan.config) == packing
    assert torch.isfinite(gan.discriminator_loss(batch(torch.randn(8, 2)))["real"])


def test_instance_noise_is_on_all_that_the_discriminator_sees_and_falls_to_none():
    gan = method(instance_noise=0.5)
    gan.discriminator = torch.nn.Identity()
    start, end = (gan.judge(torch.zeros(4_000, 2), torch.tensor(progress)) for progress in (0.0, 1.0))
    assert start.std().item() == pytest.approx(0.5, rel=0.05)
    assert not end.any()


def test_latents_have_one_variance_on_the_sphere_and_in_the_cube():
    cube, sphere = method().draw_latent(2_000), method(latents="spherical", latent=64).draw_latent(2_000)
    assert cube.var().item() == pytest.approx(1, rel=0.02)
    assert sphere.norm(dim=1).allclose(torch.full((2_000,), 8.0))
