"""Facts of the SimGAN paper (Shrivastava et al. 2017), and of what the log says about a run."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_translation.simgan import SimGAN, features, likeness
from torch import nn
from torch.optim import SGD, Adam

from ganzoo.batch import Batch, image_spec
from ganzoo.pixels import to_unit_range
from ganzoo.task import GazeTask
from ganzoo.testing import toy
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.phases import phase_runners

EYES = image_spec(channels=1, height=35, width=55, task=GazeTask())  # the paper's images


def build(spec=EYES, **settings):
    torch.manual_seed(0)
    return SimGAN(SimGAN.Config(**settings), spec)


def preset(name, spec=EYES, **settings):
    return build(spec, **{**SimGAN.presets[name].get("method", {}), **settings})


def batch(size=4, spec=EYES, source=None):
    source = torch.rand(size, *spec.image_shape) * 2 - 1 if source is None else source
    return Batch({"source": source, "target": torch.rand_like(source) * 2 - 1}, torch.tensor(0.0))


def convolutions(network):
    return [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, nn.Conv2d)
    ]


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_papers_refiner():
    refiner = preset("paper-v1").refiner
    assert convolutions(refiner) == [(1, 64, 3, 1), *[(64, 64, 3, 1)] * 8, (64, 1, 1, 1)]
    assert size(refiner) == 640 + 8 * (9 * 64 * 64 + 64) + 65 == 296_129
    assert not any(isinstance(module, nn.modules.batchnorm._NormBase) for module in refiner.modules())


def test_the_papers_discriminator():
    discriminator = preset("paper-v1").discriminator
    assert convolutions(discriminator) == [(1, 96, 3, 2), (96, 64, 3, 2), (64, 32, 3, 1), (32, 32, 1, 1), (32, 2, 1, 1)]
    assert size(discriminator) == 960 + 55_360 + 18_464 + 1_056 + 66
    pools = [module for module in discriminator if isinstance(module, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(3, 1)]
    assert not isinstance(list(discriminator)[-1], nn.ReLU), "scores of one sign cannot be a softmax's logits"


def test_the_local_discriminator_judges_patches_and_the_global_one_whole_images():
    images = torch.rand(3, 1, 35, 55)
    assert build().discriminator(images).shape == (3, 2, 9, 14)
    assert preset("global-discriminator").discriminator(images).shape == (3, 2, 1, 1)


def test_a_patch_is_judged_by_its_surroundings_alone_and_a_whole_image_by_all_of_it():
    for kind, reaches in (("local", False), ("global", True)):
        discriminator = build(discriminator=kind).discriminator
        images = torch.zeros(1, 1, 35, 55)
        before = discriminator(images)[0, :, -1, -1]
        images[..., :8, :8] = 1
        assert torch.equal(before, discriminator(images)[0, :, -1, -1]) is not reaches


def test_pre_training_comes_first_then_k_g_refiner_and_k_d_discriminator_updates():
    method = build(refiner_pretraining=3, discriminator_pretraining=2, refiner_updates=2, discriminator_updates=3)
    steps = [tuple(method.schedule(step)) for step in range(7)]
    assert steps[:5] == [("pretraining",)] * 3 + [("discriminator",)] * 2
    assert steps[5:] == [("refiner",) * 2 + ("discriminator",) * 3] * 2


@pytest.mark.parametrize(("name", "updates"), [("paper-v1", 2), ("paper-v2", 50)])
def test_the_papers_schedule_and_optimizer(name, updates):
    method = preset(name)
    assert SimGAN.presets[name]["train"]["batch_size"] == 512
    assert {method.schedule(step) for step in range(1_000)} == {("pretraining",)}
    assert {method.schedule(step) for step in range(1_000, 1_200)} == {("discriminator",)}
    assert method.schedule(1_200) == ("refiner",) * updates + ("discriminator",)
    for name, phase in method.phases().items():
        assert phase.decay(0.99) == 1
        if name != "refiner":
            optimizer = phase.optimizer(method.parameters())
            assert type(optimizer) is SGD
            assert optimizer.param_groups[0]["lr"] == 0.001


def test_the_default_optimizer_is_adam_and_both_refiner_phases_share_it():
    runners = phase_runners(build().requires_grad_(False))
    assert type(runners["refiner"].optimizers[0]) is Adam
    assert runners["refiner"].optimizers[0] is runners["pretraining"].optimizers[0]
    assert runners["refiner"].optimizers[0] is not runners["discriminator"].optimizers[0]
    assert runners["refiner"].optimizers[0].param_groups[0]["betas"] == (0.5, 0.999)


@pytest.mark.parametrize("kind", ["pixel", "derivatives", "channel-mean"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_self_regularization_is_zero_for_the_identity(kind, reduction):
    method = build(self_regularization_features=kind, reduction=reduction)
    method.refiner = nn.Identity()
    assert method.pretraining_loss(batch())["self_regularization"] == 0


def test_self_regularization_is_lambda_times_the_mean_or_summed_distance():
    class Brighten(nn.Module):
        def forward(self, images):
            return images + 0.25

    for reduction, numbers in (("mean", 1), ("sum", 35 * 55)):
        method = build(self_regularization=2.0, reduction=reduction)
        method.refiner = Brighten()
        terms = method.refiner_loss(batch())
        assert terms["self_regularization"].item() == pytest.approx(2 * 0.25 * numbers, rel=1e-4)
        assert terms["change"].item() == pytest.approx(0.25 * 127.5, rel=1e-4)
        assert terms["diversity"].item() == pytest.approx(1, rel=1e-4)


def test_derivatives_ignore_brightness_and_the_channel_mean_ignores_colour():
    image = torch.rand(2, 3, 4, 5)
    assert torch.allclose(features(image + 0.3, "derivatives"), features(image, "derivatives"), atol=1e-6)
    assert features(image, "derivatives").shape == (2, 3 * (4 * 4 + 3 * 5))
    reddened = image + torch.tensor([0.2, -0.1, -0.1]).reshape(3, 1, 1)
    assert torch.allclose(features(reddened, "channel-mean"), features(image, "channel-mean"), atol=1e-6)
    assert not torch.allclose(features(reddened, "pixel"), features(image, "pixel"))


def test_a_ramp_has_the_derivative_of_its_slope():
    ramp = torch.arange(5.0).expand(1, 1, 4, 5) * 0.1
    found = features(ramp, "derivatives")[0]
    assert torch.allclose(found[:16], torch.tensor(0.1))
    assert torch.allclose(found[16:], torch.tensor(0.0))


@pytest.mark.parametrize(("kind", "patches"), [("local", 9 * 14), ("global", 1)])
def test_an_undecided_discriminator_costs_log_2_a_patch(kind, patches):
    for reduction, factor in (("mean", 1), ("sum", patches)):
        method = build(discriminator=kind, reduction=reduction)
        for parameter in method.discriminator.parameters():
            nn.init.zeros_(parameter)
        terms = method.discriminator_loss(batch())
        for term in ("real", "refined"):
            assert terms[term].item() == pytest.approx(math.log(2) * factor, rel=1e-5)
        assert method.refiner_loss(batch())["adversarial"].item() == pytest.approx(math.log(2) * factor, rel=1e-5)


def test_the_refiner_gains_from_what_the_discriminator_loses():
    """A discriminator that says "real" costs the refiner nothing, and on refined images the discriminator much."""
    method = build()
    for parameter in method.discriminator.parameters():
        nn.init.zeros_(parameter)
    list(method.discriminator)[-1].bias.data = torch.tensor([-5.0, 5.0])
    assert method.refiner_loss(batch())["adversarial"].item() == pytest.approx(math.log(1 + math.exp(-10)), abs=1e-6)
    terms = method.discriminator_loss(batch())
    assert terms["refined"].item() == pytest.approx(10, rel=1e-4)
    assert terms["real"].item() < 1e-4
    assert terms["accuracy"].item() == 0.5


def shown(method, sizes):
    """The refined images of each discriminator batch, of a refiner that makes images of one grey level."""
    seen = []

    class Grey(nn.Module):
        level = 0

        def forward(self, images):
            return torch.full_like(images, self.level / 127.5 - 1)

    method.refiner = Grey()
    method.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for number, count in enumerate(sizes, 1):
        method.refiner.level = number
        method.discriminator_loss(batch(count))
    return [((images[len(images) // 2 :, 0, 0, 0] + 1) * 127.5).round().int().tolist() for images in seen]


def test_half_of_the_refined_images_that_the_discriminator_sees_are_of_the_past():
    first, second, third, fourth = shown(build(history=6), [4, 4, 6, 6])
    assert first == [1, 1, 1, 1]
    assert second == [2, 2, 1, 1]
    assert third[:3] == [3, 3, 3]
    assert set(third[3:]) <= {1, 2}
    assert fourth[:3] == [4, 4, 4]
    assert set(fourth[3:]) <= {1, 2, 3}


def test_without_a_history_every_refined_image_is_fresh():
    assert shown(preset("no-history"), [4, 5]) == [[1] * 4, [2] * 5]
    assert not dict(preset("no-history").named_buffers())


def test_the_discriminator_update_needs_no_gradient_of_the_refiner():
    method = build(width=4)
    method.requires_grad_(True)
    sum(term for term in method.discriminator_loss(batch()).values() if term.requires_grad).backward()
    assert all(parameter.grad is None for parameter in method.refiner.parameters())
    assert all(parameter.grad is not None for parameter in method.discriminator.parameters())


def test_the_ablation_without_self_regularization_has_none_in_any_phase():
    method = preset("no-self-regularization")
    assert method.refiner_loss(batch())["self_regularization"] == 0
    assert "pretraining" not in {name for step in range(2_000) for name in method.schedule(step)}


def test_ablations_change_what_they_say_and_nothing_else():
    default = SimGAN.Config().model_dump()
    for name, setting in {"no-history": "history", "global-discriminator": "discriminator"}.items():
        changed = SimGAN.Config(**SimGAN.presets[name]["method"]).model_dump()
        assert {key for key in default if default[key] != changed[key]} == {setting}
        assert SimGAN.presets[name]["train"] == SimGAN.presets["default"]["train"]


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 16, 21), (1, 64, 48), (3, 17, 55)])
def test_refined_images_keep_their_size_and_channels(shape):
    method = build(image_spec(*shape, task=GazeTask()), width=4)
    refined = method.refine(torch.rand(2, *shape) * 2 - 1)
    assert refined.shape == (2, *shape)
    assert refined.abs().max() <= 1


@pytest.mark.parametrize("count", [1, 3])
def test_odd_batches_and_a_batch_of_one_train(count):
    method = build(width=4).requires_grad_(False)
    for runner in phase_runners(method).values():
        assert all(torch.isfinite(term) for term in runner.update(batch(count)).values())


def test_diversity_is_zero_where_all_refined_images_are_one():
    source = torch.rand(6, 1, 8, 8) * 2 - 1
    assert likeness(source[:1].expand(6, -1, -1, -1), source)["diversity"].item() == pytest.approx(0, abs=1e-6)
    assert likeness(source * 0.5, source)["diversity"].item() == pytest.approx(0.5)
    assert "diversity" not in likeness(source[:1], source[:1])


def test_failures_become_warnings_with_their_numbers():
    method = build()
    healthy = {"refiner/change": 18.0, "refiner/diversity": 0.95, "discriminator/accuracy": 0.7}
    assert not method.diagnose(healthy)
    (identity,) = method.diagnose({**healthy, "refiner/change": 0.31})
    assert "0.31 of 255 grey levels" in identity
    (collapse,) = method.diagnose({**healthy, "refiner/diversity": 0.04})
    assert "0.04 times" in collapse
    (saturated,) = method.diagnose({**healthy, "discriminator/accuracy": 0.998})
    assert "99.8% of patches" in saturated


def test_pre_training_alone_is_reported_by_no_warning():
    assert not build().diagnose({"pretraining/self_regularization": 0.1})


def grey_distance(a, b):
    """Mean distance between the sorted grey levels of two sets of equally many pixels."""
    return float(np.abs(np.sort(a, axis=None) - np.sort(b, axis=None)).mean())


def test_it_learns_the_look_of_a_toy_target_and_keeps_each_disc_in_its_place():
    source, target = toy.domains()
    method = build_method(
        SimGAN,
        SimGAN.Config(self_regularization=1.0, refiner_pretraining=50, lr=1e-3, width=8),
        toy.SPEC,
        seed=0,
        device=torch.device("cpu"),
    )
    loop.train(method, source, target, TrainConfig(steps=100, batch_size=8, device="cpu", precision="fp32"))
    images = to_unit_range(torch.from_numpy(source.images))
    with torch.no_grad():
        refined = method.refine(images).numpy()
    real = to_unit_range(torch.from_numpy(target.images)).numpy()
    before, after = grey_distance(images.numpy(), real), grey_distance(refined, real)
    assert after < before / 3
    discs = source.images < 120
    darker = [image[~disc].mean() - image[disc].mean() for image, disc in zip(refined, discs, strict=True)]
    assert min(darker) * 127.5 > 40  # grey levels


def test_the_average_refines_and_the_last_weights_train():
    """Training is the same with and without it: only `refine` differs."""
    source, target = toy.domains()
    plain, averaged = (build(toy.SPEC, width=4, blocks=1, refiner_pretraining=2, average=a) for a in (0.0, 0.9))
    for method in (plain, averaged):
        loop.train(method, source, target, TrainConfig(steps=12, batch_size=8, precision="fp32", device="cpu"))
    for one, other in zip(plain.refiner.parameters(), averaged.refiner.parameters(), strict=True):
        assert torch.equal(one, other)
    images = to_unit_range(torch.from_numpy(source.images[:4]))
    assert torch.equal(averaged.refine(images), averaged.average(images))
    assert not torch.equal(averaged.refine(images), plain.refine(images))
    assert averaged.average.updates.item() == 10  # pre-training on self-regularization is not averaged
