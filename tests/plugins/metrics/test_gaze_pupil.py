"""The classical pupil detector on eyes whose pupil is known."""

from __future__ import annotations

import numpy as np
import pytest
from ganzoo_gaze.pupil import pupil_centers

HEIGHT, WIDTH = 35, 55


def drawn_eyes(centers: np.ndarray, radius: float = 7.0) -> np.ndarray:
    """Dark discs with soft edges in a bright almond on grey skin: uint8 [N, 1, 35, 55]."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    eye = np.abs(y - HEIGHT / 2) < 9 * (1 - ((x - WIDTH / 2) / 24) ** 2)
    distance = np.hypot(x - centers[:, 0, None, None], y - centers[:, 1, None, None])
    disc = np.clip(radius + 0.5 - distance, 0, 1)
    noise = np.random.default_rng(0).normal(0, 5, distance.shape)
    return np.clip(np.where(eye, 230, 130) * (1 - disc) + 30 * disc + noise, 0, 255).astype(np.uint8)[:, None]


@pytest.mark.parametrize("radius", [5.0, 7.0, 9.0])
def test_the_centre_of_a_dark_disc_is_found_within_a_pixel(radius: float) -> None:
    centers = np.random.default_rng(1).uniform((18, 13), (36, 21), (40, 2))
    distance = np.linalg.norm(pupil_centers(drawn_eyes(centers, radius)) - centers, axis=1)
    assert np.median(distance) < 0.5
    assert distance.max() < 1.5


@pytest.mark.parametrize("shift", [1, 2, 4])
def test_an_image_moved_by_some_pixels_moves_the_pupil_as_far(shift: int) -> None:
    images = drawn_eyes(np.full((1, 2), (25.0, 17.0)))
    moved = pupil_centers(np.roll(images, shift, axis=3)) - pupil_centers(images)
    assert moved[0, 0] == pytest.approx(shift, abs=0.25)
    assert moved[0, 1] == pytest.approx(0, abs=0.1)


def test_a_blank_image_gives_its_middle() -> None:
    blank = np.full((1, 1, HEIGHT, WIDTH), 128, np.uint8)
    np.testing.assert_allclose(pupil_centers(blank), [[(WIDTH - 1) / 2, (HEIGHT - 1) / 2]], atol=0.5)


def test_brightness_and_contrast_do_not_move_the_pupil() -> None:
    images = drawn_eyes(np.random.default_rng(2).uniform((20, 14), (34, 20), (10, 2)))
    paler = (images * 0.5 + 90).astype(np.uint8)
    assert np.abs(pupil_centers(images) - pupil_centers(paler)).max() < 0.1
