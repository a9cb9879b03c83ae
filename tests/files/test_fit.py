"""Images are brought to one size and one number of channels exactly as the named rule says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.errors import DatasetError
from ganzoo.files.collection import open_images, read_domain
from ganzoo.files.fit import Fit, Resizer
from ganzoo.files.location import Location

RNG = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


def test_resampling_is_pillows_own() -> None:
    image = pixels(40, 70, 3)
    expected = np.asarray(Image.fromarray(image).resize((6, 4), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(Fit((4, 6, 3), "pillow-lanczos")(image), expected)


def test_center_crop_takes_the_middle_and_changes_no_pixel() -> None:
    image = pixels(8, 10, 1)
    np.testing.assert_array_equal(Fit((4, 6, 1), "center-crop")(image), image[2:6, 2:8])


def test_crop_then_lanczos_keeps_the_aspect_ratio() -> None:
    """Of 60x60 pixels the rows 10 to 50 have the aspect 6:4, so one fitted pixel is 10 x 10."""
    ramp = np.arange(60, dtype=np.uint8)[:, None, None].repeat(60, axis=1)
    fit = Fit((4, 6, 1), "crop-then-lanczos")
    np.testing.assert_allclose(fit(ramp)[:, 2, 0], [14.5, 24.5, 34.5, 44.5], atol=1)
    np.testing.assert_allclose(fit(ramp.transpose(1, 0, 2))[2, 1:5, 0], [14.5, 24.5, 34.5, 44.5], atol=1)


def test_images_of_other_shapes_are_counted_together_and_only_some_are_named() -> None:
    shapes = [(36, 60, 1), *((36, 56, channels) for channels in (1, 3)), *((37 + n, 60, 1) for n in range(9))]
    names = [f"{n}.png" for n in range(12)]
    with pytest.raises(DatasetError) as caught:
        Fit((36, 60, 1)).check(shapes, names, "--target eyes")
    assert str(caught.value).startswith(
        "--target eyes: 11 of 12 (1.png, 2.png, 3.png and 8 more) images are 36x56 (height x width) grey, "
        "36x56 (height x width) RGB, 37x60 (height x width) grey and 8 more, but 36x60"
    )
    assert str(caught.value).count("--resizer") == 1
    assert str(caught.value).count("--channels grey") == 1


def test_grey_is_luma_and_rgb_is_three_equal_channels() -> None:
    red = np.zeros((4, 6, 3), np.uint8)
    red[..., 0] = 255
    assert Fit((4, 6, 1), channels="grey")(red)[0, 0, 0] == 76  # 0.299 x 255
    assert Fit((4, 6, 3), channels="rgb")(np.full((4, 6, 1), 9, np.uint8)).tolist() == np.full((4, 6, 3), 9).tolist()


@pytest.mark.parametrize("resizer", ["pillow-lanczos", "pillow-bilinear", "center-crop", "crop-then-lanczos"])
def test_the_pupil_centre_moves_with_its_pixels(tmp_path: Path, resizer: Resizer) -> None:
    """A bright square is found again where the fitted position says."""
    image = np.zeros((1, 60, 80), np.uint8)
    image[0, 24:33, 40:49] = 255  # its centre is x 44, y 28
    np.savez(tmp_path / "e.npz", image=image, pupil_center=[[44.0, 28.0]])
    location = Location(tmp_path / "e.npz")
    fit = Fit((30, 48, 1), resizer)
    domain = read_domain("source", open_images(location.path, "--source"), location, fit, labelled=False)
    weights = domain.images[0, 0] / domain.images.sum(dtype=float)
    found = (weights * np.arange(48)).sum(), (weights * np.arange(30)[:, None]).sum()
    np.testing.assert_allclose(domain.extra["pupil_center"][0], found, atol=0.1)
