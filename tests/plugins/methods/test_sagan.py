"""Facts of Zhang et al. 2019 and of Miyato et al. 2018."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.attention import SelfAttention
from ganzoo_generative.sagan import SAGAN, SAGANConfig
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from ganzoo.batch import Batch, image_spec
from ganzoo.errors import ConfigError
from ganzoo.nn.adversarial import hinge
from ganzoo.task import GazeTask
from ganzoo.training.build import build_method, check_trainable
from ganzoo.training.config import TrainConfig
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
EYES = image_spec(1, 36, 60, GazeTask())


def build(spec=EYES, **settings):
    return build_method(SAGAN, SAGANConfig(**{"width": 4, **settings}), spec, seed=0, device=CPU).train()


def batch(size=4, spec=EYES):
    torch.manual_seed(1)
    return Batch({"target": torch.rand(size, *spec.image_shape) * 2 - 1}, torch.tensor(0.0))


def learning(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]


def test_attention_is_the_identity_at_first():
    block, maps = SelfAttention(16), torch.randn(2, 16, 9, 15)
    assert torch.equal(block(maps), maps)
    block.gamma.data.fill_(1.0)
    assert not torch.allclose(block(maps), maps)


def test_each_place_attends_to_a_quarter_of_the_places_with_weights_that_sum_to_1():
    weights = SelfAttention(16).attention(torch.randn(2, 16, 6, 8))
    assert weights.shape == (2, 48, 12)
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 48))


def test_products_of_queries_and_keys_are_not_scaled():
    block, maps = SelfAttention(16), torch.randn(1, 16, 2, 2)
    logits = block.query(maps).flatten(2).transpose(1, 2) @ block.pool(block.key(maps)).flatten(2)
    torch.testing.assert_close(block.attention(maps), logits.softmax(2))


def test_queries_have_an_eighth_of_the_maps_and_values_a_half():
    block = SelfAttention(64)
    assert [layer.out_channels for layer in (block.query, block.key, block.value, block.output)] == [8, 8, 32, 64]


def test_the_first_update_moves_only_the_weight_of_the_attention_and_the_second_its_convolutions_too():
    block = SelfAttention(16)
    block(torch.randn(2, 16, 4, 4)).square().sum().backward()
    assert block.gamma.grad != 0
    assert block.query.weight.grad.abs().sum() == 0


def test_every_layer_of_both_networks_is_normalised_but_sngan_s_generator():
    method = build()
    assert all(is_parametrized(layer, "weight") for layer in learning(method))
    plain = build(**{**SAGAN.presets["sngan"]["method"], "width": 4})
    assert not any(is_parametrized(layer, "weight") for layer in learning(plain.generator))
    assert all(is_parametrized(layer, "weight") for layer in learning(plain.discriminator))
    assert not any(isinstance(module, SelfAttention) for module in plain.modules())


def test_the_networks_of_sngan_are_those_of_table_3():
    plain = build(image_spec(3, 32, 32, GazeTask()), **SAGAN.presets["sngan"]["method"])
    judged = [(m.in_channels, m.out_channels, m.stride[0]) for m in learning(plain.discriminator)[:-1]]
    assert judged == [(3, 64, 1), (64, 64, 2), (64, 128, 1), (128, 128, 2), (128, 256, 1), (256, 256, 2), (256, 512, 1)]
    assert plain.discriminator[-1].in_features == 4 * 4 * 512
    made = [(m.in_channels, m.out_channels) for m in learning(plain.generator)[1:]]
    assert made == [(512, 256), (256, 128), (128, 64), (64, 3)]
    assert plain.generator[0].out_features == 4 * 4 * 512


def test_attention_sees_a_quarter_of_the_size():
    method, seen = build(), []
    for module in method.modules():
        if isinstance(module, SelfAttention):
            module.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    method.discriminator(method.generate(2))
    assert seen == [(9, 15), (9, 15)]


def test_an_undecided_discriminator_has_the_hinge_loss_of_2_and_the_margin_ends_at_1():
    zero = torch.zeros(4, 1)
    assert hinge(zero, real=True) + hinge(zero, real=False) == 2
    assert hinge(torch.full((4, 1), 1.5), real=True) == 0
    assert hinge(torch.full((4, 1), -1.5), real=False) == 0


def test_the_generator_minimises_the_negated_scores_beyond_any_margin():
    method = build()
    method.discriminator = nn.Sequential(nn.Flatten(), nn.Linear(36 * 60, 1))
    nn.init.zeros_(method.discriminator[1].weight)
    nn.init.constant_(method.discriminator[1].bias, 5.0)
    assert method.generator_loss(batch())["adversarial"] == -5


def test_the_discriminator_learns_four_times_as_fast():
    rates = {name: runner.optimizers[0].param_groups[0] for name, runner in phase_runners(build()).items()}
    assert (rates["discriminator"]["lr"], rates["generator"]["lr"]) == (4e-4, 1e-4)
    assert rates["generator"]["betas"] == rates["discriminator"]["betas"] == (0.0, 0.9)
    assert build(discriminator_steps=5).schedule(3) == ("discriminator",) * 5 + ("generator",)


@pytest.mark.parametrize(("phase", "still"), [("generator", "discriminator"), ("discriminator", "generator")])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, still):
    method = build()
    before = [weight.clone() for weight in getattr(method, still).parameters()]
    phase_runners(method)[phase].update(batch())
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(method, still).parameters(), strict=True))


@pytest.mark.parametrize("shape", [(1, 35, 55), (3, 28, 28), (1, 9, 15), (1, 5, 5), (1, 1, 3)])
def test_images_of_any_size(shape):
    method = build(image_spec(*shape, GazeTask()))
    made = method.generate(3)
    assert made.shape == (3, *shape)
    assert method.discriminator(made).shape == (3, 1)


def test_micro_batches_are_refused_because_each_pass_moves_the_vectors():
    with pytest.raises(ConfigError, match="couples"):
        check_trainable(SAGAN, SAGAN.Config(), TrainConfig(micro_batch=2), CPU)


def test_failures_become_warnings():
    method = build()
    assert not method.diagnose({"generator/diversity": 0.9, "discriminator/accuracy": 0.7})
    assert len(method.diagnose({"generator/diversity": 0.02, "discriminator/accuracy": 1.0})) == 2


def test_on_one_batch_each_player_lowers_its_own_loss():
    for phase, terms in (("discriminator", ("real", "generated")), ("generator", ("adversarial",))):
        method, one = build(), batch(8)
        runner, losses = phase_runners(method)[phase], []
        for _ in range(12):
            torch.manual_seed(0)
            done = runner.update(one)
            losses.append(sum(done[term].item() for term in terms))
        assert losses[-1] < losses[0]
