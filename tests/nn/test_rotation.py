"""Rotation of images, and of the gaze in them."""

from __future__ import annotations

import math

import pytest
import torch

from ganzoo.nn.rotation import rotate
from ganzoo.task import ClassTask, GazeTask, angle_deg, gaze_vector


def test_a_quarter_turn_of_a_square_image_is_exact_and_clockwise():
    torch.manual_seed(0)
    images = torch.rand(2, 1, 9, 9)
    turned = rotate(images, torch.full((2,), math.pi / 2))
    torch.testing.assert_close(turned, torch.rot90(images, -1, (2, 3)), atol=1e-5, rtol=0)


def test_no_rotation_is_the_identity_and_each_image_has_its_own_angle():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 12, 20)
    turned = rotate(images, torch.tensor([0.0, math.pi]))
    torch.testing.assert_close(turned[0], images[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[1], images[1].flip(1, 2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("degrees", [20.0, -35.0])
def test_a_bright_spot_moves_as_a_vector_of_the_camera_does(degrees):
    """Also in an image that is not square: angles are those of pixels."""
    height, width, x, y = 41, 81, 14, 6  # from the centre, right and down
    images = torch.zeros(1, 1, height, width)
    images[0, 0, height // 2 + y, width // 2 + x] = 1
    angle = torch.deg2rad(torch.tensor([degrees]))
    spot = rotate(images, angle)[0, 0]
    rows, columns = torch.meshgrid(torch.arange(height) - height // 2, torch.arange(width) - width // 2, indexing="ij")
    found = torch.stack([(spot * columns).sum(), (spot * rows).sum()]) / spot.sum()
    moved = GazeTask().rotated(torch.tensor([[float(x), float(y), -1.0]]), angle)[0, :2]
    torch.testing.assert_close(found, moved, atol=0.1, rtol=0)


def test_a_rotated_gaze_keeps_its_length_and_its_z():
    """(gx, gy) becomes (-gy, gx) at 90 degrees, in the camera's axes x right and y down."""
    gaze = gaze_vector(torch.tensor([[0.2, -0.4], [-0.3, 0.1]]))
    turned = GazeTask().rotated(gaze, torch.full((2,), math.pi / 2))
    torch.testing.assert_close(turned, torch.stack([-gaze[:, 1], gaze[:, 0], gaze[:, 2]], 1))
    back = GazeTask().rotated(turned, torch.full((2,), -math.pi / 2))
    assert float(angle_deg(back, gaze).max()) < 1e-3


def test_how_a_class_turns_is_not_known():
    assert ClassTask(3).rotated(torch.zeros(2, 3), torch.zeros(2)) is None


def test_probabilities_are_compared_for_classes_and_directions_for_gaze():
    output, other = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    p = math.exp(2) / (math.exp(2) + 1)
    assert float(ClassTask(2).consistency(output, other)) == pytest.approx((p - 0.5) ** 2)
    assert float(ClassTask(2).consistency(output, output)) == 0
    gaze = gaze_vector(torch.tensor([[0.1, 0.2]]))
    assert float(GazeTask().consistency(gaze, 5 * gaze)) == pytest.approx(0, abs=1e-6)
