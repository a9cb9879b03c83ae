"""Facts of the CycleGAN paper (Zhu et al. 2017)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_translation.cyclegan import CycleGAN, build_discriminator, build_generator
from torch import nn
from torch.optim import Adam

from ganzoo.batch import Batch, image_spec
from ganzoo.errors import ConfigError
from ganzoo.pixels import to_unit_range
from ganzoo.task import GazeTask
from ganzoo.testing import toy
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.phases import phase_runners

EYES = image_spec(channels=1, height=35, width=55, task=GazeTask())
PHOTOS = image_spec(channels=3, height=256, width=256, task=GazeTask())  # the paper's images
TINY = {"width": 4, "blocks": 1, "discriminator_width": 4}


def build(spec=EYES, **settings):
    torch.manual_seed(0)
    return CycleGAN(CycleGAN.Config(**settings), spec)


def batch(size=4, spec=EYES):
    def images():
        return torch.rand(size, *spec.image_shape) * 2 - 1

    return Batch({"source": images(), "target": images()}, torch.tensor(0.0))


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def convolutions(network):
    return [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]


@pytest.mark.parametrize(("preset", "blocks"), [("paper", 9), ("paper-128", 6)])
def test_the_papers_generator(preset, blocks):
    generator = build(PHOTOS, **CycleGAN.presets[preset]["method"]).to_target
    down, up = [(3, 64, 7, 1), (64, 128, 3, 2), (128, 256, 3, 2)], [(256, 128, 3, 2), (128, 64, 3, 2), (64, 3, 7, 1)]
    assert convolutions(generator) == [*down, *[(256, 256, 3, 1)] * (2 * blocks), *up]
    kinds = {type(module) for module in generator.modules() if not list(module.children())}
    assert kinds == {nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d, nn.ReLU, nn.Tanh}
    ordinary = [module for module in generator.modules() if type(module) is nn.Conv2d and module.stride == (1, 1)]
    assert {module.padding_mode for module in ordinary} == {"reflect"}


def test_the_papers_networks_have_the_sizes_of_the_authors():
    """11.378 and 2.765 million, less the biases that InstanceNorm takes out again."""
    method = build(PHOTOS, **CycleGAN.presets["paper"]["method"])
    assert size(method.to_target) + (64 + 128 + 256 + 18 * 256 + 128 + 64) == 11_378_179
    assert size(method.target_discriminator) + (128 + 256 + 512) == 2_764_737


def test_the_papers_discriminator():
    discriminator = build(PHOTOS, **CycleGAN.presets["paper"]["method"]).target_discriminator
    expected = [(3, 64, 4, 2), (64, 128, 4, 2), (128, 256, 4, 2), (256, 512, 4, 1), (512, 1, 4, 1)]
    assert convolutions(discriminator) == expected
    layers = [type(module) for module in discriminator]
    assert layers[:3] == [nn.Conv2d, nn.LeakyReLU, nn.Conv2d], "no InstanceNorm on the first layer"
    assert layers.count(nn.InstanceNorm2d) == 3
    assert {module.negative_slope for module in discriminator if isinstance(module, nn.LeakyReLU)} == {0.2}


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_a_discriminator_judges_patches(layers, pixels):
    """The paper's 70 x 70, and smaller ones for eyes."""
    spec = image_spec(1, 160, 160, GazeTask())
    discriminator = build_discriminator(spec, 2, layers)
    without_norm = nn.Sequential(*(m for m in discriminator if not isinstance(m, nn.InstanceNorm2d | nn.LeakyReLU)))
    for convolution in without_norm.modules():
        if isinstance(convolution, nn.Conv2d):
            nn.init.ones_(convolution.weight)
    image = torch.zeros(1, 1, 160, 160, requires_grad=True)
    scores = without_norm(image)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    rows, columns = image.grad[0, 0].nonzero().T
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == pixels


@pytest.mark.parametrize("shape", [(1, 35, 55), (3, 36, 60), (1, 37, 54), (1, 9, 15), (1, 5, 5), (3, 64, 64)])
def test_translated_images_keep_their_size_and_range(shape):
    generator = build_generator(image_spec(*shape, GazeTask()), width=2, blocks=1)
    made = generator(torch.rand(2, *shape) * 2 - 1)
    assert made.shape == (2, *shape)
    assert made.abs().max() <= 1


def test_images_that_are_too_small_are_refused_in_words():
    with pytest.raises(ConfigError, match="5 x 5 pixels and more, and these are 4 x 9"):
        build(image_spec(1, 4, 9, GazeTask()))
    with pytest.raises(ConfigError, match="--discriminator-layers 3"):
        build(image_spec(1, 9, 15, GazeTask()), discriminator_layers=3)


def test_weights_start_from_a_normal_distribution_of_0_02():
    method = build(width=32)
    weights = torch.cat([m.weight.flatten() for m in method.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)


def test_adam_and_a_learning_rate_that_falls_to_zero_over_the_second_half():
    phases = build(**TINY).phases()
    assert list(phases) == ["generators", "discriminators"]
    for phase in phases.values():
        optimizer = phase.optimizer(phase.networks[0].parameters())
        assert type(optimizer) is Adam
        assert optimizer.param_groups[0]["lr"] == 2e-4
        assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)
        assert [phase.decay(p) for p in (0, 0.5, 0.75)] == [1, 1, 0.5]
    assert CycleGAN.presets["paper"]["train"]["batch_size"] == 1


class Constant(nn.Module):
    """A discriminator of one opinion."""

    def __init__(self, score):
        super().__init__()
        self.score = score

    def forward(self, images):
        return torch.full((len(images), 1, 3, 4), self.score)


class Add(nn.Module):
    """A generator that brightens."""

    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, images):
        return images + self.amount


def test_the_generators_terms_in_closed_form():
    """With generators that add 0.1 and 0.2, an image is 0.3 away after the cycle."""
    method = build(**TINY)
    method.to_target, method.to_source = Add(0.1), Add(0.2)
    method.target_discriminator, method.source_discriminator = Constant(0.25), Constant(-1.0)
    terms = {name: term.item() for name, term in method.generators_loss(batch()).items()}
    assert terms == pytest.approx(
        {
            "adversarial_target": 0.75**2,
            "adversarial_source": 2.0**2,
            "cycle_source": 10 * 0.3,
            "cycle_target": 10 * 0.3,
            "identity_target": 0.5 * 10 * 0.1,
            "identity_source": 0.5 * 10 * 0.2,
            "change": 0.1 * 127.5,
            "diversity": 1.0,  # what is added to all images alike changes no difference
        },
        rel=1e-4,
    )


def test_the_discriminators_least_squares_loss_is_halved():
    method = build(**TINY)
    method.target_discriminator, method.source_discriminator = Constant(0.2), Constant(0.9)
    terms = {name: term.item() for name, term in method.discriminators_loss(batch()).items()}
    assert terms == pytest.approx(
        {
            "real_target": 0.8**2 / 2,
            "made_target": 0.2**2 / 2,
            "real_source": 0.1**2 / 2,
            "made_source": 0.9**2 / 2,
            "accuracy": 0.5,
        },
        rel=1e-4,
    )


def test_translating_two_kinds_in_one_pass_is_exact():
    method, images, own = build(**TINY), torch.rand(3, 1, 35, 55), torch.rand(3, 1, 35, 55)
    made, same = method._translate(method.to_target, images, own)
    assert torch.allclose(made, method.to_target(images), atol=1e-6)
    assert torch.allclose(same, method.to_target(own), atol=1e-6)


def test_without_the_identity_term_generators_see_no_image_of_their_own_target():
    method = build(**TINY, identity=0.0)
    seen = []
    method.to_target.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    one = batch()
    terms = method.generators_loss(one)
    assert not {name for name in terms if name.startswith("identity")}
    assert torch.equal(seen[0], one.source)


def shown(method, updates):
    """Grey levels of the made images that the target's discriminator is shown, with a new generator state each time."""
    seen = []
    method.target_discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][1, 0, 0, 0]))
    one = batch(1, method.spec)
    for number in range(updates):
        method.to_target = nn.Identity()
        one.source.fill_(number / 127.5 - 1)
        method.discriminators_loss(one)
    return [int(((level + 1) * 127.5).round()) for level in seen]


def test_half_of_the_images_come_from_the_last_fifty_or_so():
    """At the paper's batch of one a coin decides, and a past image lasts 50 updates in the mean."""
    method = build(image_spec(1, 8, 8, GazeTask()), **TINY)
    assert [len(history.images) for history in (method.target_history, method.source_history)] == [50, 50]
    ages = np.arange(250) - shown(method, 250)
    past = ages[1:] > 0
    assert 0.4 < past.mean() < 0.6
    assert 20 < ages[100:][past[99:]].mean() < 80


def test_each_direction_has_its_own_history():
    method = build(**TINY)
    method.to_target, method.to_source = Add(0.0), Add(0.0)
    one = batch(4)
    one.source.fill_(1.0)
    one.target.fill_(-1.0)
    method.discriminators_loss(one)
    for history, level in ((method.target_history, 255), (method.source_history, 0)):
        assert int(history.filled) == 2
        assert (history.images[:2] == level).all()


def test_without_a_history_every_made_image_is_fresh():
    method = build(image_spec(1, 8, 8, GazeTask()), **TINY, history=0)
    assert shown(method, 20) == list(range(20))
    assert not dict(method.named_buffers())


def test_discriminators_judge_what_the_generators_made_in_the_same_step():
    method = build(image_spec(1, 8, 8, GazeTask()), **TINY, history=0)
    trained_on, judged_beside = batch(2, method.spec), batch(2, method.spec)
    seen, passes, carry = [], [], {}
    method.target_discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    method.to_target.register_forward_pre_hook(lambda *_: passes.append(1))
    runners = phase_runners(method)
    made = method.to_target(trained_on.source).detach()  # before the update
    runners["generators"].update(trained_on, carry)
    passes.clear()
    runners["discriminators"].update(judged_beside, carry)
    assert not passes, "nothing is made twice"
    assert torch.equal(seen[-1][:2], judged_beside.target)
    assert torch.allclose(seen[-1][2:], made, atol=1e-6)


def test_discriminators_alone_make_what_they_judge():
    method = build(image_spec(1, 8, 8, GazeTask()), **TINY, history=0)
    seen, judged = [], batch(2, method.spec)
    method.target_discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    method.discriminators_loss(judged)
    assert torch.equal(seen[-1][2:], method.to_target(judged.source))


def test_the_refiner_is_the_generator_from_source_to_target():
    method = build(**TINY)
    images = torch.rand(2, 1, 35, 55)
    assert torch.equal(method.refine(images), method.to_target(images))


def test_failures_become_warnings_with_their_numbers():
    method = build(**TINY)
    healthy = {"generators/change": 18.0, "generators/diversity": 0.95, "discriminators/accuracy": 0.7}
    assert not method.diagnose(healthy)
    (identity,) = method.diagnose({**healthy, "generators/change": 0.31})
    assert "0.31 of 255 grey levels" in identity
    (collapse,) = method.diagnose({**healthy, "generators/diversity": 0.04})
    assert "0.04 times as much as their inputs" in collapse
    (saturated,) = method.diagnose({**healthy, "discriminators/accuracy": 0.998})
    assert "99.8% of patches" in saturated


def test_it_learns_the_look_of_a_toy_target_and_keeps_each_disc_in_its_place():
    source, target = toy.domains()
    config = CycleGAN.Config(**{**TINY, "width": 8}, lr=2e-3)
    method = build_method(CycleGAN, config, toy.SPEC, seed=0, device=torch.device("cpu"))
    loop.train(method, source, target, TrainConfig(steps=150, batch_size=4, device="cpu", precision="fp32"))
    images = to_unit_range(torch.from_numpy(source.images))
    with torch.no_grad():
        refined = method.refine(images).numpy()

    def grey_distance(a):
        real = to_unit_range(torch.from_numpy(target.images)).numpy()
        return float(np.abs(np.sort(a, axis=None) - np.sort(real, axis=None)).mean())

    assert grey_distance(refined) < grey_distance(images.numpy()) / 3
    discs = source.images < 120
    darker = [image[~disc].mean() - image[disc].mean() for image, disc in zip(refined, discs, strict=True)]
    assert min(darker) * 127.5 > 40  # grey levels
