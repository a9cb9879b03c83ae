"""SimGAN with several refiners."""

from __future__ import annotations

import pytest
import torch
from ganzoo_translation.committee import Committee, member_of
from ganzoo_translation.simgan import SimGAN, SimGANConfig
from torch import nn

from ganzoo.pixels import to_uint8, to_unit_range
from ganzoo.testing import toy
from ganzoo.training.build import build_method
from ganzoo.training.phases import phase_runners


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        return torch.full_like(images, self.value)


@pytest.fixture
def images():
    torch.manual_seed(0)
    return to_unit_range(to_uint8(torch.rand(3_000, 1, 12, 20) * 2 - 1))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_members_have_equal_shares_of_the_images(images, count):
    shares = torch.bincount(member_of(images, count), minlength=count) / len(images)
    assert float((shares - 1 / count).abs().max()) < 4 * (1 / count * (1 - 1 / count) / len(images)) ** 0.5


def test_an_image_has_the_same_member_in_any_batch_and_after_a_round_trip_to_disk(images):
    all_at_once = member_of(images, 5)
    assert torch.equal(member_of(images[7:9], 5), all_at_once[7:9])
    assert torch.equal(member_of(to_unit_range(to_uint8(images)), 5), all_at_once)


def test_images_of_one_person_do_not_share_a_member(images):
    """A pixel, a shift or a grey level more, and it is another image."""
    brighter = to_unit_range((to_uint8(images).int() + 1).clamp(0, 255).to(torch.uint8))
    for changed in (brighter, images.roll(1, 3), images.flip(3)):
        same = (member_of(changed, 4) == member_of(images, 4)).float().mean()
        assert float(same) < 0.4


def test_each_image_is_refined_by_its_member(images):
    values = iter([-0.5, 0.0, 0.5])
    committee = Committee(3, lambda: Constant(next(values)))
    wanted = torch.tensor([-0.5, 0.0, 0.5])[member_of(images[:50], 3)]
    assert torch.equal(committee(images[:50])[:, 0, 0, 0], wanted)


def test_members_begin_with_different_weights_and_learn_from_their_own_images():
    config = SimGANConfig(width=4, blocks=1, history=0, committee=2, refiner_pretraining=0)
    method = build_method(SimGAN, config, toy.SPEC, seed=0, device=torch.device("cpu"))
    first, second = (member[0].weight for member in method.refiner.members)
    assert not torch.equal(first, second)
    batch = toy.batch(method, 8)
    alone = batch.source[member_of(batch.source, 2) == 0][:1]
    method.requires_grad_(True)
    method.refine(alone).sum().backward()
    assert float(first.grad.abs().sum()) > 0
    assert float(second.grad.abs().sum()) == 0
    before = first.detach().clone(), second.detach().clone()
    phase_runners(method)["refiner"].update(batch)
    assert not torch.equal(before[0], first)
    assert not torch.equal(before[1], second)
