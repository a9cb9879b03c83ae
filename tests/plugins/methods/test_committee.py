"""SimGAN with several refiners."""

from __future__ import annotations

import pytest
import torch
from ganzoo_translation.committee import Committee
from ganzoo_translation.simgan import SimGAN, SimGANConfig
from torch import nn

from ganzoo.nn.pixel_choice import choose_by_pixels
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


def test_each_image_is_refined_by_its_member(images):
    values = iter([-0.5, 0.0, 0.5])
    committee = Committee(3, lambda: Constant(next(values)))
    wanted = torch.tensor([-0.5, 0.0, 0.5])[choose_by_pixels(images[:50], 3)]
    assert torch.equal(committee(images[:50])[:, 0, 0, 0], wanted)


def test_members_begin_with_different_weights_and_learn_from_their_own_images():
    config = SimGANConfig(width=4, blocks=1, history=0, committee=2, refiner_pretraining=0)
    method = build_method(SimGAN, config, toy.SPEC, seed=0, device=torch.device("cpu"))
    first, second = (member[0].weight for member in method.refiner.members)
    assert not torch.equal(first, second)
    batch = toy.batch(method, 8)
    alone = batch.source[choose_by_pixels(batch.source, 2) == 0][:1]
    method.requires_grad_(True)
    method.refine(alone).sum().backward()
    assert float(first.grad.abs().sum()) > 0
    assert float(second.grad.abs().sum()) == 0
    before = first.detach().clone(), second.detach().clone()
    phase_runners(method)["refiner"].update(batch)
    assert not torch.equal(before[0], first)
    assert not torch.equal(before[1], second)
