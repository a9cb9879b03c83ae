"""Facts of the DCGAN paper (Radford et al. 2016)."""

from __future__ import annotations

import math

import pytest
import torch
from ganzoo_generative.dcgan import DCGAN
from torch import nn
from torch.optim import Adam

from ganzoo.batch import Batch, image_spec
from ganzoo.nn.convolutional import Crop
from ganzoo.nn.diversity import diversity
from ganzoo.task import GazeTask
from ganzoo.testing import toy
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig

EYES = image_spec(channels=1, height=35, width=55, task=GazeTask())
BEDROOMS = image_spec(channels=3, height=64, width=64, task=GazeTask())  # the paper's images


def build(spec=EYES, **settings):
    torch.manual_seed(0)
    return DCGAN(DCGAN.Config(**settings), spec)


def paper():
    return build(BEDROOMS, **DCGAN.presets["paper"]["method"])


def batch(size=4, spec=EYES):
    images = torch.rand(size, *spec.image_shape) * 2 - 1
    return Batch({"target": images.flip(0)}, torch.tensor(0.0))


def maps(network, kind):
    return [(m.in_channels, m.out_channels) for m in network.modules() if isinstance(m, kind)]


def test_the_papers_generator():
    """Figure 1: 100 numbers to 1024 maps of 4 x 4, then 512, 256, 128 and an image of 64 x 64."""
    generator = paper().generator
    assert generator[0].weight.shape == (1024 * 4 * 4, 100)
    assert generator[1].unflattened_size == (1024, 4, 4)
    assert maps(generator, nn.ConvTranspose2d) == [(1024, 512), (512, 256), (256, 128), (128, 3)]
    with torch.no_grad():
        assert generator(torch.zeros(2, 100)).shape == (2, 3, 64, 64)


def test_the_guidelines_for_stable_networks():
    """No pooling, no hidden fully connected layer, BatchNorm but at the image, ReLU and tanh, LeakyReLU of 0.2."""
    method = paper()
    made = [type(m) for m in method.generator]
    block = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    assert made == [nn.Linear, nn.Unflatten, nn.BatchNorm2d, nn.ReLU, *block * 3, nn.ConvTranspose2d, nn.Tanh, Crop]
    judged = [type(m) for m in method.discriminator]
    block = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert judged == [nn.Conv2d, nn.LeakyReLU, *block * 3, nn.Flatten, nn.Linear]
    assert {m.negative_slope for m in method.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert {m.stride for m in method.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)} == {(2, 2)}
    assert method.discriminator[-1].weight.shape == (1, 1024 * 4 * 4)


def test_weights_start_from_a_normal_distribution_of_0_02():
    method = build()
    weights = [m.weight for m in method.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
    everything = torch.cat([weight.flatten() for weight in weights])
    assert everything.std().item() == pytest.approx(0.02, rel=0.01)
    scales = torch.cat([m.weight for m in method.modules() if isinstance(m, nn.BatchNorm2d)])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)


def test_the_papers_optimizer_and_batch():
    for phase in build().phases().values():
        optimizer = phase.optimizer(phase.networks[0].parameters())
        assert type(optimizer) is Adam
        assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]) == (2e-4, (0.5, 0.999))
        assert phase.decay(0.99) == 1
    assert DCGAN.presets["paper"]["train"]["batch_size"] == 128


def test_images_are_made_from_100_numbers_uniform_in_minus_one_to_one():
    method, seen = build().eval(), []
    method.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    method.generate(500)
    assert seen[0].shape == (500, 100)
    assert seen[0].abs().max() <= 1
    assert seen[0].mean().item() == pytest.approx(0, abs=0.01)
    assert seen[0].std().item() == pytest.approx(1 / math.sqrt(3), abs=0.01)


@pytest.mark.parametrize("shape", [(1, 35, 55), (3, 36, 60), (1, 9, 15), (3, 17, 64), (1, 5, 5)])
def test_images_of_any_size(shape):
    method = build(image_spec(*shape, GazeTask()), width=2).eval()
    made = method.generate(3)
    assert made.shape == (3, *shape)
    assert made.abs().max() <= 1
    assert method.discriminator(made).shape == (3, 1)


def test_an_undecided_discriminator_costs_log_2():
    method = build()
    nn.init.zeros_(method.discriminator[-1].weight)
    terms = method.discriminator_loss(batch())
    assert terms["real"].item() == terms["made"].item() == pytest.approx(math.log(2))
    assert method.generator_loss(batch())["adversarial"].item() == pytest.approx(math.log(2))


def test_a_discriminator_that_takes_everything_for_real_pleases_the_generator():
    method = build()
    nn.init.zeros_(method.discriminator[-1].weight)
    nn.init.constant_(method.discriminator[-1].bias, 8.0)
    assert method.generator_loss(batch())["adversarial"].item() < 1e-3
    terms = method.discriminator_loss(batch())
    assert terms["made"].item() == pytest.approx(8, rel=1e-3)
    assert terms["accuracy"] == 0.5


def test_real_and_made_images_are_normalised_apart():
    method, seen = build(), []
    method.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    one = batch()
    method.discriminator_loss(one)
    assert len(seen) == 2
    assert torch.equal(seen[0], one.target)


def test_the_target_alone_is_read():
    assert DCGAN.reads == ("target",)


def test_diversity_is_zero_where_all_made_images_are_one():
    real = torch.rand(6, 1, 8, 8) * 2 - 1
    assert diversity(real[:1].expand(6, -1, -1, -1), real).item() == pytest.approx(0, abs=1e-6)
    assert diversity(real * 0.5, real).item() == pytest.approx(0.5)
    assert "diversity" not in build().generator_loss(batch(1))


def test_failures_become_warnings_with_their_numbers():
    method = build()
    healthy = {"generator/diversity": 0.9, "discriminator/accuracy": 0.7}
    assert not method.diagnose(healthy)
    (collapse,) = method.diagnose({**healthy, "generator/diversity": 0.04})
    assert "0.04 times" in collapse
    (saturated,) = method.diagnose({**healthy, "discriminator/accuracy": 0.998})
    assert "99.8% of images" in saturated


def test_it_learns_the_toy_target():
    """Bright ground and a dark disc somewhere: the grey of the target, and not that of the source."""
    source, target = toy.domains()
    config = DCGAN.Config(width=8, levels=2, lr=2e-3)
    method = build_method(DCGAN, config, toy.SPEC, seed=0, device=torch.device("cpu"))
    loop.train(method, source, target, TrainConfig(steps=150, batch_size=16, device="cpu", precision="fp32"))
    with torch.no_grad():
        made = (method.generate(64) + 1) * 127.5
    assert abs(made.mean().item() - target.images.mean()) < 15
    assert abs(source.images.mean() - target.images.mean()) > 40
    assert made.std(0).mean() > 5, "different noise makes different images"
