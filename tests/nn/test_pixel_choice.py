"""A choice by pixels is even, and a function of the image alone."""

from __future__ import annotations

import pytest
import torch

from ganzoo.nn.pixel_choice import choose_by_pixels
from ganzoo.pixels import to_uint8, to_unit_range


@pytest.fixture
def images():
    torch.manual_seed(0)
    return to_unit_range(to_uint8(torch.rand(3_000, 1, 12, 20) * 2 - 1))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_choices_have_equal_shares_of_the_images(images, count):
    shares = torch.bincount(choose_by_pixels(images, count), minlength=count) / len(images)
    assert float((shares - 1 / count).abs().max()) < 4 * (1 / count * (1 - 1 / count) / len(images)) ** 0.5


def test_an_image_has_the_same_choice_in_any_batch_and_after_a_round_trip_to_disk(images):
    all_at_once = choose_by_pixels(images, 5)
    assert torch.equal(choose_by_pixels(images[7:9], 5), all_at_once[7:9])
    assert torch.equal(choose_by_pixels(to_unit_range(to_uint8(images)), 5), all_at_once)


def test_images_of_one_person_do_not_share_a_choice(images):
    """A pixel, a shift or a grey level more, and it is another image."""
    brighter = to_unit_range((to_uint8(images).int() + 1).clamp(0, 255).to(torch.uint8))
    for changed in (brighter, images.roll(1, 3), images.flip(3)):
        same = (choose_by_pixels(changed, 4) == choose_by_pixels(images, 4)).float().mean()
        assert float(same) < 0.4
