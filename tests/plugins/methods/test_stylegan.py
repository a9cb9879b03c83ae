"""Facts of Karras et al. 2019 and 2020."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.style_layers import EqualizedLinear, ModulatedConv2d, demodulation
from ganzoo_generative.stylegan import MappingNetwork, StyleGAN, StyleGANConfig
from torch import nn
from torch.nn import functional as F

from ganzoo.batch import Batch, image_spec
from ganzoo.task import GazeTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

EYES = image_spec(1, 36, 60, GazeTask())


def build(spec=EYES, **settings):
    config = StyleGANConfig(**{"width": 4, "latent": 8, **settings})
    return build_method(StyleGAN, config, spec, seed=0, device=torch.device("cpu")).train()


def batch(size=4):
    torch.manual_seed(1)
    return Batch({"target": torch.rand(size, *EYES.image_shape) * 2 - 1}, torch.tensor(0.0))


def test_demodulated_maps_have_unit_deviation_for_unit_inputs_whatever_the_style():
    torch.manual_seed(0)
    layer, maps = ModulatedConv2d(32, 48, 3, 16), torch.randn(8, 32, 20, 20)
    for strength in (1.0, 50.0):
        made = layer(maps, torch.randn(8, 16) * strength)[..., 1:-1, 1:-1]
        assert made.std((0, 2, 3)).mean().item() == pytest.approx(1, abs=0.03)
    plain = ModulatedConv2d(32, 48, 3, 16, demodulated=False)
    assert plain(maps, torch.randn(8, 16) * 50).std() > 10


def test_demodulation_is_the_same_to_the_bit_under_autocast():
    torch.manual_seed(0)
    scale, weight = torch.randn(3, 64), torch.randn(48, 64, 3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = demodulation(scale, weight)
    assert torch.equal(seen, demodulation(scale, weight))


def test_a_modulated_convolution_is_a_convolution_with_the_papers_weights():
    """Equations 1 and 3, sample by sample."""
    torch.manual_seed(0)
    layer, maps, styles = ModulatedConv2d(5, 6, 3, 4), torch.randn(3, 5, 7, 8), torch.randn(3, 4)
    made = layer(maps, styles)
    for sample in range(3):
        weight = layer.weight * layer.scale * layer.style(styles)[sample][None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        torch.testing.assert_close(made[sample], F.conv2d(maps[sample], weight, padding=1))


def test_a_style_starts_around_1_which_changes_nothing():
    layer = ModulatedConv2d(5, 6, 3, 4)
    torch.testing.assert_close(layer.style(torch.zeros(1, 4)), torch.ones(1, 5))


def test_noise_has_no_effect_at_first_and_one_as_soon_as_it_has_strength():
    method = build()
    latent = method.draw_latent(2)
    other = latent.clone()
    other[:, 8:] = torch.randn_like(other[:, 8:])
    assert torch.equal(method.generate_from(latent), method.generate_from(other))
    method.average.network.layers[-1].strength.fill_(1.0)
    assert not torch.equal(method.generate_from(latent), method.generate_from(other))


def test_each_layer_has_a_plane_of_noise_of_its_own_size():
    generator = build().generator
    assert generator.planes == [[9, 15], [18, 30], [18, 30], [36, 60], [36, 60]]
    assert build().draw_latent(3).shape == (3, 8 + 9 * 15 + 2 * 18 * 30 + 2 * 36 * 60)


def test_truncation_pulls_styles_to_their_mean():
    images = {}
    for truncation in (0.0, 0.5, 1.0):
        method = build(truncation=truncation)
        torch.manual_seed(3)
        latent = method.draw_latent(16)
        images[truncation] = method.generate_from(latent)
    spread = {truncation: made.std(0).mean().item() for truncation, made in images.items()}
    assert spread[0.0] == pytest.approx(0, abs=1e-6)
    assert 0 < spread[0.5] < spread[1.0]


def test_without_truncation_samples_are_those_of_the_generator_itself_before_training():
    method = build()
    latent = method.draw_latent(3)
    torch.testing.assert_close(method.generate_from(latent), method.generator(latent).clamp(-1, 1))


def test_the_mapping_learns_at_a_hundredth_of_the_rate():
    """A step of Adam moves what the layer computes with a hundred times less."""
    moved = {}
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        layer = EqualizedLinear(8, 8, rate=rate)
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        before = (layer.weight * layer.scale).detach().clone()
        layer(torch.randn(16, 8)).square().sum().backward()
        optimizer.step()
        moved[rate] = (layer.weight * layer.scale - before).abs().mean().item()
    assert moved[0.01] / moved[1.0] == pytest.approx(0.01, rel=1e-2)
    assert all(layer.rate == 0.01 for layer in MappingNetwork(8, 3).layers)


def test_the_mapping_ignores_the_length_of_a_latent_vector():
    mapping, latent = MappingNetwork(8, 2), torch.randn(4, 8)
    torch.testing.assert_close(mapping(latent), mapping(latent * 7), atol=1e-5, rtol=1e-4)


def test_lazy_regularisation_and_its_rates():
    """Appendix B: every 16 steps, c = 16 / 17, with the discriminator's own optimizer."""
    method = build()
    assert [step for step in range(40) if "penalty" in method.schedule(step)] == [0, 16, 32]
    runners = phase_runners(method)
    group = runners["discriminator"].optimizers[0].param_groups[0]
    assert group["lr"] == pytest.approx(2e-3 * 16 / 17)
    assert group["betas"] == (0.0, pytest.approx(0.99 ** (16 / 17)))
    assert runners["penalty"].optimizers[0] is runners["discriminator"].optimizers[0]
    always = build(penalty_every=1)
    assert always.schedule(3) == ("discriminator", "penalty", "generator")


def test_r1_of_a_linear_discriminator_has_its_weight():
    method = build(penalty=3.0, penalty_every=4)
    method.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(36 * 60, 1))
    expected = 3 / 2 * 4 * method.discriminator[1].weight.square().sum()
    torch.testing.assert_close(method.penalty_loss(batch())["r1"], expected)


@pytest.mark.parametrize(("phase", "still"), [("generator", "discriminator"), ("discriminator", "generator"),
                                              ("penalty", "generator")])  # fmt: skip
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, still):
    method = build()
    before = [weight.clone() for weight in getattr(method, still).parameters()]
    phase_runners(method)[phase].update(batch())
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(method, still).parameters(), strict=True))


def test_the_average_follows_the_generator_and_makes_the_samples():
    method = build()
    runner = phase_runners(method)["generator"]
    seen = []
    for _ in range(3):
        runner.update(batch())
        seen.append(method.generator.constant.clone())
    torch.testing.assert_close(method.average.network.constant, torch.stack(seen).mean(0))
    latent = method.draw_latent(2)
    expected = method.average.network(latent).clamp(-1, 1)
    torch.testing.assert_close(method.generate_from(latent), expected)


@pytest.mark.parametrize("shape", [(1, 35, 55), (3, 28, 28), (1, 9, 15), (1, 5, 5)])
def test_images_of_any_size(shape):
    method = build(image_spec(*shape, GazeTask()))
    made = method.generate(3)
    assert made.shape == (3, *shape)
    assert method.discriminator(made).shape == (3, 1)


def test_failures_become_warnings():
    method = build()
    assert not method.diagnose({"generator/diversity": 0.9, "discriminator/accuracy": 0.7})
    assert len(method.diagnose({"generator/diversity": 0.02, "discriminator/accuracy": 1.0})) == 2
