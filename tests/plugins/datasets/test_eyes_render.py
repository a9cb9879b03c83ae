"""The solid geometry, the drawing and the camera of the dataset `eyes`."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from ganzoo_eyes import EyesConfig
from ganzoo_eyes.counter import Draws, mix
from ganzoo_eyes.geometry import labels, lids, place, rotation
from ganzoo_eyes.photograph import develop, equalized, jpeg
from ganzoo_eyes.render import render
from ganzoo_eyes.rendering_styles import source_scene, target_scene
from ganzoo_eyes.scene import Scene
from PIL import Image
from torch import Tensor

from ganzoo.task import gaze_vector

ROWS = 12


def plain_scene(gaze_deg: tuple[float, float] = (0.0, 0.0), head_deg: tuple[float, float] = (0.0, 0.0)) -> Scene:
    """Twelve source eyes with pale irises and nothing as dark as a pupil beside it."""
    scene = source_scene(0, "source", torch.arange(ROWS), ROWS, "matched")
    zero, one = torch.zeros(ROWS), torch.ones(ROWS)
    anatomy = replace(
        scene.anatomy, iris=torch.full((ROWS, 3), 0.3), lash_strength=zero, crease_strength=zero, brow_strength=zero,
        eyeball_drop=zero - 1.5, upper_opening=zero + 5, lower_opening=zero + 5, half_width=zero + 14.5,
    )  # fmt: skip
    gaze, head = torch.deg2rad(torch.tensor(gaze_deg)), torch.deg2rad(torch.tensor(head_deg))
    pose = replace(
        scene.pose, gaze_pitch=one * gaze[0], gaze_yaw=one * gaze[1], head_pitch=one * head[0], head_yaw=one * head[1],
        openness=one, head_roll=zero, shift_x=zero, shift_y=zero, distance=zero + 600,
    )  # fmt: skip
    return Scene(anatomy, pose, replace(scene.lighting, glint_strength=zero), None)


def dark_centroid(light: Tensor) -> Tensor:
    """Centroid (x, y) of the pixels as dark as a pupil: [N, 2]."""
    dark = (light[:, 0] <= light[:, 0].flatten(1).min(1).values[:, None, None] + 25).double()
    y, x = (torch.arange(size, dtype=torch.float64) for size in dark.shape[1:])
    total = dark.sum((1, 2))
    return torch.stack([(dark * x).sum((1, 2)) / total, (dark * y[:, None]).sum((1, 2)) / total], -1)


def draw(scene: Scene, height: int = 36, width: int = 60) -> Tensor:
    return develop(render(scene, height, width, 1))


def test_an_eye_that_looks_left_and_up_shows_its_pupil_further_left_and_up() -> None:
    straight, turned = (dark_centroid(draw(plain_scene(gaze))) for gaze in ((0, 0), (8, 10)))
    assert (turned[:, 0] < straight[:, 0] - 1).all()
    assert (turned[:, 1] < straight[:, 1] - 1).all()


@pytest.mark.parametrize("gaze", [(0.0, 0.0), (-8.0, 15.0), (6.0, -12.0)])
@pytest.mark.parametrize("size", [(36, 60), (140, 220)])
def test_the_labelled_pupil_centre_is_where_the_pupil_is_drawn(
    gaze: tuple[float, float], size: tuple[int, int]
) -> None:
    scene = plain_scene(gaze, head_deg=(4.0, -6.0))
    drawn, label = dark_centroid(draw(scene, *size)), labels(scene, *size)["pupil_center"]
    assert (drawn - label).norm(dim=1).max() < 0.5 * size[1] / 60 + 0.2


def test_mirrored_gaze_and_head_mirror_the_iris() -> None:
    a = plain_scene((-5.0, 12.0), (3.0, 8.0))
    b = plain_scene((-5.0, -12.0), (3.0, -8.0))
    centers = [labels(scene, 36, 60)["iris_center"] for scene in (a, b)]
    torch.testing.assert_close(59 - centers[0][:, 0], centers[1][:, 0])
    torch.testing.assert_close(centers[0][:, 1], centers[1][:, 1])


def test_a_rotation_turns_the_forward_axis_into_the_gaze_vector() -> None:
    pitch, yaw, roll = torch.linspace(-0.6, 0.6, 7), torch.linspace(0.5, -0.7, 7), torch.linspace(0.1, 0.4, 7)
    turned = rotation(pitch, yaw, roll)
    torch.testing.assert_close(-turned[:, :, 2], gaze_vector(torch.stack([pitch, yaw], -1)))
    torch.testing.assert_close(turned @ turned.transpose(1, 2), torch.eye(3).expand(7, 3, 3), atol=1e-6, rtol=0)


def test_the_target_shows_the_optical_axis_and_is_labelled_with_the_visual_one() -> None:
    scene = target_scene(0, "target", torch.arange(200), 10_000, 100)
    found, kappa = place(scene), torch.rad2deg(torch.stack([scene.anatomy.kappa_pitch, scene.anatomy.kappa_yaw], -1))
    gaze = labels(scene, 36, 60)["gaze"] - torch.deg2rad(kappa)
    torch.testing.assert_close(found.axis, gaze_vector(gaze))
    assert (kappa[:100] == kappa[100:]).all()  # of the person, not of the picture
    assert 4 < kappa[:, 1].mean() < 6  # towards the nose, which lies at image-left
    assert 1 < kappa[:, 0].mean() < 2


def test_the_upper_lid_follows_the_gaze_more_than_the_lower_one() -> None:
    scene = plain_scene()
    margins = [lids(scene.anatomy, scene.pose, torch.full((ROWS,), pitch)) for pitch in (0.0, -0.25)]
    upper, lower = margins[1].upper - margins[0].upper, margins[1].lower - margins[0].lower
    assert (upper > 1.5 * lower).all()
    assert (lower > 0.5).all()


def test_lid_landmarks_lie_around_the_iris_of_an_open_eye() -> None:
    found = labels(plain_scene(), 36, 60)
    marks, iris = found["lid_landmarks"], found["iris_center"]
    assert (marks[:, 0, 0] < iris[:, 0] - 10).all()  # the inner corner
    assert (marks[:, 6, 0] > iris[:, 0] + 10).all()  # the outer corner
    assert (marks[:, 1:6, 1].min(1).values < iris[:, 1]).all()
    assert (marks[:, 7:, 1].max(1).values > iris[:, 1]).all()


def test_the_field_of_view_stays_the_same_at_other_sizes() -> None:
    small, large = (labels(plain_scene(), h, w)["iris_center"] for h, w in ((36, 60), (72, 120)))
    torch.testing.assert_close((small + 0.5) * 2, large + 0.5)


def test_the_generator_is_splitmix64() -> None:
    """The first number of Vigna's reference implementation for seed 0."""
    first = int(mix(torch.tensor([0x9E3779B97F4A7C15 - 2**64]))[0]) % 2**64
    assert first == 0xE220A8397B1DCDAF


def test_draws_have_the_laws_they_are_named_for() -> None:
    draws = Draws(3, "laws", torch.arange(40_000))
    hump, normal = draws.hump("h", 0, 1), draws.normal("n", 2, 3)
    assert abs(hump.var() - 1 / 20) < 1e-3  # Beta(2, 2)
    assert abs(normal.mean() - 2) < 0.06
    assert (normal - 2).abs().max() <= 3 * 2.5 + 1e-5
    noise = draws.noise("p", 30)
    assert abs(noise.var() - 1) < 0.01
    assert abs(torch.corrcoef(noise[:, :2].T)[0, 1]) < 0.02
    assert (draws.uniform("a") != draws.uniform("b")).float().mean() > 0.99


def test_equalisation_is_that_of_opencv() -> None:
    """Its algorithm, written out: the table is (cdf - first count) / (pixels - first count) * 255, rounded."""
    image = (torch.rand(3, 1, 36, 60, generator=torch.Generator().manual_seed(0)) ** 3 * 120 + 20).floor()
    for ours, plain in zip(equalized(image)[:, 0].numpy(), image[:, 0].long().numpy(), strict=True):
        count = np.bincount(plain.ravel(), minlength=256)
        first = count[plain.min()]
        table = (np.cumsum(count) - first) / (plain.size - first) * 255
        np.testing.assert_array_equal(ours, np.floor(table[plain] + 0.5).astype(np.uint8))


@pytest.mark.parametrize("quality", [60, 92])
def test_jpeg_agrees_with_libjpeg(quality: int) -> None:
    levels = draw(plain_scene()).round().clamp(0, 255)
    ours = jpeg(levels, torch.full((ROWS,), float(quality)))
    for k in range(3):
        file = io.BytesIO()
        Image.fromarray(levels[k, 0].numpy().astype(np.uint8)).save(file, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(file), dtype=np.float32)
        apart, lost = np.abs(ours[k, 0].numpy() - theirs), np.abs(theirs - levels[k, 0].numpy())
        assert apart.mean() < 0.3 * lost.mean()  # libjpeg's transform is in integers, so a level here and there differs


def test_settings_say_what_they_are() -> None:
    assert all(field.description for field in EyesConfig.model_fields.values())
