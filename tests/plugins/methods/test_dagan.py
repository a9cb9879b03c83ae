"""Facts of Antoniou et al. 2017."""

from __future__ import annotations

import pytest
import torch
from ganzoo_generative.dagan import DAGAN, DAGANConfig, partners

from ganzoo.batch import Batch, Column, DataSpec, image_spec
from ganzoo.nn.penalties import gradient_penalty
from ganzoo.task import ClassTask, GazeTask
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
SPEC = image_spec(1, 9, 15, ClassTask(3))


def method(spec=SPEC, **settings):
    return build_method(DAGAN, DAGANConfig(width=4, latent=5, **settings), spec, seed=0, device=CPU)


def batch(size=12):
    labels = torch.arange(size)[:, None].float() % 3
    return Batch({"source": torch.rand(size, 1, 9, 15) * 2 - 1, "source_label": labels}, torch.tensor(0.0))


def test_a_partner_is_another_row_of_the_same_class_and_random():
    of = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0, 2.0])
    seen = set()
    for _ in range(50):
        partner, paired = partners(of)
        assert paired.tolist() == [1, 1, 1, 1, 1, 0], "class 2 has one row only"
        assert (of[partner] == of)[:5].all()
        assert (partner[:5] != torch.arange(5)).all()
        seen.add(int(partner[0]))
    assert seen == {2, 4}


def test_a_row_without_a_partner_does_not_count():
    gan = method()
    images = torch.zeros(3, 1, 9, 15)
    images[2] = 1.0
    gan.critic = torch.nn.Sequential(torch.nn.Flatten(), Sum())
    gan.augment = torch.zeros_like
    of = torch.tensor([[0.0], [0.0], [1.0]])
    terms = gan.critic_loss(Batch({"source": images, "source_label": of}, torch.tensor(0.0)))
    assert terms["gap"].item() == 0, "only the third image differs from its augmented one, and it has no partner"


class Sum(torch.nn.Module):
    def forward(self, numbers):
        return numbers.sum(1, keepdim=True)


def test_the_penalty_is_one_of_both_images_and_of_all_their_numbers():
    """A critic a.x + b.x' of pairs has the slope |(a, b)|: not |b|, and not a norm over one axis."""
    slope = torch.randn(2, 9, 15)
    first, second, made = (torch.randn(8, 1, 9, 15) for _ in range(3))
    penalty = gradient_penalty(
        lambda pairs: (pairs * slope).sum((1, 2, 3)), torch.cat([first, second], 1), torch.cat([first, made], 1)
    )
    assert penalty.item() == pytest.approx((slope.norm().item() - 1) ** 2, rel=1e-4)
    assert penalty.item() != pytest.approx((slope[1].norm().item() - 1) ** 2, rel=1e-2)


def test_augmented_images_differ_from_their_originals_and_vary_with_the_noise():
    gan = method().eval()
    images = batch(4).source
    one, other = gan.augment(images), gan.augment(images)
    assert one.shape == images.shape
    assert (one - images).abs().mean() > 0.01
    assert not torch.allclose(one, other)


def test_the_image_and_the_noise_reach_the_output():
    gan = method().eval()
    latent = gan.draw_latent(2)
    assert not torch.allclose(gan.augment_from(latent, torch.zeros(2, 1, 9, 15)),
                              gan.augment_from(latent, torch.ones(2, 1, 9, 15)))  # fmt: skip


@pytest.mark.parametrize(("phase", "still"), [("generator", "critic"), ("critic", "generator")])
def test_an_update_leaves_the_other_player_untouched_to_the_bit(phase, still):
    gan = method()
    before = [weight.clone() for weight in getattr(gan, still).parameters()]
    phase_runners(gan)[phase].update(batch())
    assert all(torch.equal(a, b) for a, b in zip(before, getattr(gan, still).parameters(), strict=True))


def test_the_critic_has_no_batch_norm():
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in method().critic.modules())


def test_without_classes_it_is_declined_and_people_make_the_pairs():
    assert "--same person" in DAGAN.declines(DAGANConfig(), image_spec(1, 9, 15, GazeTask()))
    assert DAGAN.declines(DAGANConfig(same="person"), image_spec(1, 9, 15, GazeTask())) == ""
    assert DAGAN.columns(DAGANConfig(same="person")) == ("source", "source_group")
    spec = DataSpec({"source": Column((1, 9, 15)), "source_group": Column((1,), "vector")}, GazeTask())
    given = Batch({"source": batch().source, "source_group": batch()["source_label"]}, torch.tensor(0.0))
    assert "gap" in method(spec, same="person").critic_loss(given)


def test_with_the_target_it_is_an_oracle():
    assert DAGAN.is_oracle(DAGANConfig(domain="target"))
    assert DAGAN.columns(DAGANConfig(domain="target")) == ("target", "target_label")
