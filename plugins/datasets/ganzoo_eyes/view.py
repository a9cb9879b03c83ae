"""One ray per sub-pixel, met with the face and with the eyeball."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganzoo_eyes.geometry import (
    PUPIL_PLANE,
    Placed,
    camera_in,
    face_height,
    focal_length,
    meet_plane,
    rays,
    relief,
    slopes,
)
from ganzoo_eyes.scene import Scene

OVERSAMPLING = 2  # sub-pixels along each side of a pixel


@dataclass(frozen=True)
class View:
    """Where each sub-pixel's ray meets the face and the eye, in mm."""

    x: Tensor  # on the face, head frame
    y: Tensor
    slope_x: Tensor
    slope_y: Tensor
    u: Tensor  # in the iris plane, eye frame
    v: Tensor
    dx: Tensor  # [N, 1, w] and
    dy: Tensor  # [N, h, 1]: the ray in the camera frame, (dx, dy, 1)
    pitch: Tensor  # mm between sub-pixels


def pixel_grid(scene: Scene, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Camera rays (dx [N, 1, w], dy [N, h, 1]) of every sub-pixel, and the spacing of sub-pixels in pixels [N, 1, 1].

    A webcam's pixels are coarser than the normalised image's, by its `scale`, and lie at its own `phase`.
    """
    device = scene.pose.distance.device
    one = torch.ones_like(scene.pose.distance)[:, None]
    photo = scene.photography
    scale, phase_x, phase_y = (one, 0 * one, 0 * one) if photo is None else (
        photo.scale[:, None], photo.phase_x[:, None], photo.phase_y[:, None]
    )  # fmt: skip

    def axis(size: int, phase: Tensor) -> Tensor:
        steps = (torch.arange(size * OVERSAMPLING, device=device) + 0.5) / OVERSAMPLING - size / 2
        return (steps + phase) / scale / focal_length(width)

    return axis(width, phase_x)[:, None, :], axis(height, phase_y)[:, :, None], 1 / scale[:, :, None] / OVERSAMPLING


def look(scene: Scene, placed: Placed, height: int, width: int) -> View:
    """Sends the rays."""
    anatomy = scene.anatomy.for_pixels()
    dx, dy, spacing = pixel_grid(scene, height, width)
    start, ray = camera_in(placed.head, placed.origin), rays(placed.head, dx, dy)
    x, y = meet_plane(start, ray, -3.0)
    for _ in range(2):  # the face is nearly flat: two steps towards its height settle to a tenth of a millimetre
        parts = relief(x, y, anatomy)
        x, y = meet_plane(start, ray, -face_height(parts))
    eye_ray = rays(placed.eye, dx, dy)
    u, v = meet_plane(camera_in(placed.eye, placed.center), eye_ray, -PUPIL_PLANE)
    pitch = spacing * scene.pose.distance[:, None, None] / focal_length(width)
    return View(x, y, *slopes(x, y, parts), u, v, dx, dy, pitch)
