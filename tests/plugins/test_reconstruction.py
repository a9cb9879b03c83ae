"""SSIM and PSNR against closed forms (Wang et al. 2004)."""

from __future__ import annotations

import numpy as np
import pytest
from ganzoo_reconstruction import _scores, ssim

IMAGES = np.random.default_rng(0).integers(60, 190, (5, 1, 20, 30), np.uint8)


def test_equal_images_are_perfect():
    assert ssim(IMAGES, IMAGES) == pytest.approx([1.0] * 5)


def test_flat_images_differ_by_their_luminance_alone():
    """Equation 13 with no variance: (2 a b + C1) / (a^2 + b^2 + C1)."""
    a, b, c1 = 100.0, 140.0, (0.01 * 255) ** 2
    flat = [np.full((1, 1, 16, 16), value, np.uint8) for value in (a, b)]
    assert ssim(*flat)[0] == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1))


def test_an_inverted_image_has_a_negative_structure():
    assert (ssim(IMAGES, 250 - IMAGES) < 0).all()


def test_it_is_symmetric_and_takes_images_smaller_than_the_window():
    small, other = IMAGES[..., :7, :9], IMAGES[::-1, ..., :7, :9].copy()
    assert ssim(small, other) == pytest.approx(ssim(other, small))


def test_a_shift_of_ten_grey_levels_has_the_psnr_of_its_square():
    scores = {score.name: score.value for score in _scores("method", IMAGES, IMAGES + 10, {})}
    assert scores["psnr_db"] == pytest.approx(10 * np.log10(255**2 / 100))
    assert scores["reconstruction_mae"] == 10
