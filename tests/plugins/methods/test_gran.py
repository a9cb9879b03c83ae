"""Facts of Im et al. 2016."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.gran import GRAN, GRANConfig, StepNorm
from torch import nn

from ganzoo.batch import Batch, image_spec
from ganzoo.task import GazeTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

EYES = image_spec(1, 36, 60, GazeTask())


def build(spec=EYES, **settings):
    return build_method(GRAN, GRANConfig(**{"width": 4, **settings}), spec, seed=0, device=torch.device("cpu")).train()


def batch(size=4):
    torch.manual_seed(1)
    return Batch({"target": torch.rand(size, *EYES.image_shape) * 2 - 1}, torch.tensor(0.0))


def test_an_image_is_the_squashed_sum_of_its_canvases():
    method = build(time_steps=4)
    latent = method.draw_latent(3)
    canvases = method.canvases(latent)
    assert canvases.shape == (4, 3, 1, 36, 60)
    assert torch.equal(method.generate_from(latent), canvases.sum(0).tanh())


def test_one_step_is_a_generator_of_one_shot():
    """With T = 1 the code is zero, and the encoder is not used."""
    method = build(time_steps=1).eval()
    latent = method.draw_latent(2)
    hidden = method.generator.latent(latent).tanh()
    at_once = torch.cat([hidden, torch.zeros_like(hidden)], 1)
    for layer in method.generator.decoder:
        at_once = layer(at_once, 0) if isinstance(layer, StepNorm) else layer(at_once)
    assert torch.equal(method.generate_from(latent), at_once.tanh())
    method.generator.encoder = None
    assert torch.equal(method.generate_from(latent), at_once.tanh())


def test_all_steps_share_their_weights_and_one_latent_vector():
    counts = {sum(weight.numel() for weight in build(time_steps=steps).parameters()) for steps in (1, 3, 5)}
    assert len(counts) == 1
    short, long = build(time_steps=2), build(time_steps=5)
    latent = short.draw_latent(2)
    assert latent.shape == long.draw_latent(2).shape == (2, 100)
    assert torch.equal(short.canvases(latent), long.canvases(latent)[:2])


def test_each_step_is_normalised_by_its_own_statistics():
    norm, images = StepNorm(3, 2), torch.randn(64, 3, 4, 4)
    for _ in range(60):
        norm(images + 5, 0), norm(images * 3 - 7, 1)
    norm.eval()
    assert norm(images + 5, 0).mean().abs() < 0.05
    assert norm(images * 3 - 7, 1).std().item() == pytest.approx(1, abs=0.05)


def test_a_step_sees_the_last_canvas_and_not_their_sum():
    method, seen = build(time_steps=3), []
    method.generator.encoder[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    canvases = method.canvases(method.draw_latent(2))
    assert len(seen) == 2
    assert all(torch.equal(each, canvas) for each, canvas in zip(seen, canvases, strict=False))


def test_the_gradient_of_the_last_step_reaches_the_first():
    generator = build(time_steps=3).generator.requires_grad_(True)
    canvases = generator.drawn(torch.randn(2, 100))
    (gradient,) = torch.autograd.grad(canvases[-1].sum(), canvases[0])
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(("phase", "still"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, still):
    method = build()
    before = [weight.clone() for weight in getattr(method, still).parameters()]
    phase_runners(method)[phase].update(batch())
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(method, still).parameters(), strict=True))


@pytest.mark.parametrize("shape", [(1, 35, 55), (3, 28, 28), (1, 9, 15), (1, 5, 5)])
def test_images_of_any_size(shape):
    made = build(image_spec(*shape, GazeTask())).generate(2)
    assert made.shape == (2, *shape)
    assert made.abs().max() <= 1


def test_the_authors_sizes():
    method = build(image_spec(3, 32, 32, GazeTask()), **GRAN.presets["paper"]["method"])
    maps = [layer.in_channels for layer in method.generator.decoder if isinstance(layer, nn.ConvTranspose2d)]
    assert maps == [1024, 512, 256]
    assert method.generator.time_steps == 5


def test_failures_become_warnings():
    method = build()
    assert not method.diagnose({"generator/diversity": 0.9, "discriminator/accuracy": 0.7})
    assert len(method.diagnose({"generator/diversity": 0.02, "discriminator/accuracy": 1.0})) == 2
