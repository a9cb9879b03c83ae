"""Facts of Denton et al. 2015."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.lapgan import LAPGAN, LAPGANConfig, doubled, halved, pyramid
from torch import nn

from ganzoo.batch import Batch, image_spec
from ganzoo.task import GazeTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
EYES = image_spec(1, 36, 60, GazeTask())
SMALL = {"width": 16, "maps": 4}


def build(spec=EYES, **settings):
    return build_method(LAPGAN, LAPGANConfig(**{**SMALL, **settings}), spec, seed=0, device=CPU)


def batch(size=4, spec=EYES):
    torch.manual_seed(1)
    return Batch({"target": torch.rand(size, *spec.image_shape) * 2 - 1}, torch.tensor(0.0))


def test_the_pyramid_gives_the_image_again():
    images = torch.rand(3, 2, 36, 60)
    image, differences = pyramid(images, 2)
    assert [tuple(each.shape[2:]) for each in (image, *differences)] == [(9, 15), (18, 30), (36, 60)]
    for difference in differences:
        image = doubled(image) + difference
    torch.testing.assert_close(image, images, atol=1e-6, rtol=0)


def test_each_level_learns_the_difference_of_real_images_from_their_low_pass_version():
    method, one = build(), batch()
    images = one.target
    half = halved(images)
    wanted = [(halved(half), None), (half - doubled(halved(half)), doubled(halved(half))),
              (images - doubled(half), doubled(half))]  # fmt: skip
    for level, (target, low) in enumerate(wanted):
        real, given = method._level(one, level)
        torch.testing.assert_close(real, target, atol=1e-6, rtol=0)
        assert (given is None) if low is None else torch.allclose(given, low, atol=1e-6)


def test_without_differences_the_result_is_the_coarsest_image_doubled_twice():
    method = build()
    for generator in method.generators[1:]:
        nn.init.zeros_(generator[-1].weight)
        nn.init.zeros_(generator[-1].bias)
    latent = method.draw_latent(3)
    coarse = method._generated(0, latent[:, :100], None)
    torch.testing.assert_close(method.generate_from(latent), doubled(doubled(coarse)))


def test_levels_have_noise_of_their_own():
    method = build()
    latent = method.draw_latent(2)
    assert latent.shape == (2, 100 + 18 * 30 + 36 * 60)
    other = latent.clone()
    other[:, -1] = -other[:, -1]  # of the finest plane alone
    a, b = (halved(halved(method.generate_from(each))) for each in (latent, other))
    changed = (method.generate_from(latent) - method.generate_from(other)).abs().sum((0, 1))
    assert changed[:28, :50].sum() == 0
    assert changed.sum() > 0
    torch.testing.assert_close(a[..., :7, :12], b[..., :7, :12])


def test_a_discriminator_judges_the_sum_of_difference_and_low_pass_image():
    method = build(dropout=0.0)
    real, low = method._level(batch(), 2)
    torch.testing.assert_close(method._judged(2, real, low), method.discriminators[2](batch().target))
    assert not torch.allclose(method._judged(2, real, low), method._judged(2, real, low.flip(0)))


def test_the_levels_are_trained_independently():
    """An update of one network leaves all others untouched to the bit."""
    method = build()
    networks = {**{f"generator{k}": net for k, net in enumerate(method.generators)},
                **{f"discriminator{k}": net for k, net in enumerate(method.discriminators)}}  # fmt: skip
    for name, runner in phase_runners(method).items():
        before = {key: [w.clone() for w in net.parameters()] for key, net in networks.items()}
        runner.update(batch())
        moved = {key for key, net in networks.items()
                 if not all(torch.equal(a, b) for a, b in zip(before[key], net.parameters(), strict=True))}  # fmt: skip
        assert moved == {name}


def test_the_deviation_is_that_of_generated_relative_to_real_differences():
    method, one = build(), batch()
    real, _ = method._level(one, 1)
    method._generated = lambda level, noise, low: real * 0.5
    assert method.generator_loss(1, one)["deviation"].item() == pytest.approx(0.5)


def test_images_that_cannot_be_halved_are_declined_in_words():
    assert LAPGAN.declines(LAPGANConfig(), EYES) == ""
    odd = image_spec(1, 35, 55, GazeTask())
    assert "multiples of 4 pixels" in LAPGAN.declines(LAPGANConfig(), odd)
    assert LAPGAN.declines(LAPGANConfig(levels=1), image_spec(1, 34, 54, GazeTask())) == ""


def test_the_authors_networks_at_28_pixels():
    method = build(image_spec(3, 28, 28, GazeTask()), **LAPGAN.presets["paper"]["method"])
    layers = [m for m in method.generators[2] if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels, m.kernel_size[0]) for m in layers] == [(4, 64, 7), (64, 64, 7), (64, 3, 5)]
    judges = [m for m in method.discriminators[2] if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.kernel_size[0], m.stride[0]) for m in judges] == [(64, 5, 1), (64, 5, 2)]
    assert method.sizes == [(7, 7), (14, 14), (28, 28)]


def test_failures_name_their_level():
    (warning,) = build().diagnose({"discriminator2/accuracy": 1.0, "generator0/diversity": 1.0})
    assert warning.startswith("Level 2: ")
