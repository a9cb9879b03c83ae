"""The solid geometry of an eye before a perspective camera, and the labels that follow from it.

Camera frame: x right, y down, z forward, in millimetres, the camera at the origin; a gaze or head pose of (0, 0) looks
into it, up and image-left are positive (`ganzoo.task.gaze_vector`). The camera is that of the MPIIGaze normalisation
(Zhang et al., CVPR 2015): focal length 960 px and distance 600 mm for images 60 px wide, scaled with the width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganzoo.task import gaze_pitch_yaw, gaze_vector
from ganzoo_eyes.scene import Anatomy, Pose, Scene

EYEBALL_RADIUS = 12.0
CORNEA_RADIUS = 7.8
CORNEA_CENTER = 5.7  # in front of the eyeball's centre, so that the apex lies at 13.5 mm
PUPIL_PLANE = 10.45  # entrance pupil, 3.05 mm behind the apex; a circle of radius 5.9 mm on the eyeball lies there too
LANDMARKS = 12  # on the lids: inner corner, 5 upper, outer corner, 5 lower

Vector = tuple[Tensor, Tensor, Tensor]


def focal_length(width: int) -> float:
    """Pixels, for images of this width."""
    return 960.0 * width / 60


def rotation(pitch: Tensor, yaw: Tensor, roll: Tensor) -> Tensor:
    """Rotations [N, 3, 3] that turn (0, 0, -1) into `gaze_vector((pitch, yaw))`, after a roll about it."""
    zero, one = torch.zeros_like(pitch), torch.ones_like(pitch)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, -1).view(-1, 3, 3)

    around_x = matrix(one, zero, zero, zero, pitch.cos(), pitch.sin(), zero, -pitch.sin(), pitch.cos())
    around_y = matrix(yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos())
    around_z = matrix(roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one)
    return _times(_times(around_y, around_x), around_z)


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products [N, 3, 3] without a GEMM, whose order of summation may depend on the batch."""
    return a[:, :, 0:1] * b[:, 0:1] + a[:, :, 1:2] * b[:, 1:2] + a[:, :, 2:3] * b[:, 2:3]


def _apply(matrix: Tensor, vector: Tensor) -> Tensor:
    """[N, 3, 3] times [N, 3]."""
    return matrix[:, :, 0] * vector[:, 0:1] + matrix[:, :, 1] * vector[:, 1:2] + matrix[:, :, 2] * vector[:, 2:3]


@dataclass(frozen=True)
class Placed:
    """The parts in the camera frame."""

    head: Tensor  # [N, 3, 3] head to camera
    origin: Tensor  # [N, 3] midpoint of the eye corners
    eye: Tensor  # [N, 3, 3] eyeball to camera
    center: Tensor  # [N, 3] centre of the eyeball
    axis: Tensor  # [N, 3] optical axis
    eye_in_head: Tensor  # [N, 2] pitch and yaw of the optical axis as the head sees it


def place(scene: Scene) -> Placed:
    """Puts the head, and the eyeball in it, before the camera."""
    anatomy, pose = scene.anatomy, scene.pose
    head = rotation(pose.head_pitch, pose.head_yaw, pose.head_roll)
    pitch, yaw = pose.gaze_pitch - anatomy.kappa_pitch, pose.gaze_yaw - anatomy.kappa_yaw
    origin = torch.stack([pose.shift_x, pose.shift_y, pose.distance], -1)
    zero = torch.zeros_like(pitch)
    center = origin + _apply(head, torch.stack([zero, anatomy.eyeball_drop, anatomy.eyeball_depth], -1))
    axis = gaze_vector(torch.stack([pitch, yaw], -1))
    return Placed(
        head, origin, rotation(pitch, yaw, zero), center, axis, gaze_pitch_yaw(_apply(head.transpose(1, 2), axis))
    )


@dataclass(frozen=True)
class Lids:
    """The lid margins as curves y(x) in the head frame: heights at the middle, and a common shape."""

    upper: Tensor
    lower: Tensor
    anatomy: Anatomy

    def curves(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Upper margin, lower margin and the line through the corners at x, all in mm, y down."""
        t = x / self.anatomy.half_width
        line = -0.5 * self.anatomy.tilt * t
        inside = (1 - t * t).clamp(min=0)
        body = inside * (1 + self.anatomy.fullness * t * t)
        lean = 0.12 * t
        # The upper lid is highest towards the nose, the lower one lowest towards the temple.
        return line + self.upper * body * (1 - lean), line + self.lower * body * (1 + lean), line


def lids(anatomy: Anatomy, pose: Pose, eye_in_head_pitch: Tensor) -> Lids:
    """Lid positions. The upper lid follows the gaze nearly fully, the lower one by a good third (assumption)."""
    turned = EYEBALL_RADIUS * eye_in_head_pitch.sin()
    upper = anatomy.eyeball_drop - anatomy.upper_opening - 0.75 * turned
    lower = anatomy.eyeball_drop + anatomy.lower_opening - 0.35 * turned
    # Lids never gape beyond what the orbit allows, nor cross.
    upper = torch.minimum(upper.clamp(min=-9.5), lower - 1.0)
    upper = lower - pose.openness * (lower - upper)
    return Lids(upper, lower, anatomy)


Relief = tuple[Tensor, Tensor, Tensor, Tensor]  # heights in mm of bulge, nose, ridge and hollow


def relief(x: Tensor, y: Tensor, anatomy: Anatomy) -> Relief:
    """The face's height towards the camera in mm, as four parts to be added.

    The lids bulge over the eyeball, the nose rises at image-left, the brow's ridge above a hollow.
    """
    bulge = (EYEBALL_RADIUS - anatomy.eyeball_depth) * torch.exp((x * x + y * y) * (-1 / 128))
    nose = 14 * torch.exp((x + 32).square() * (-1 / 200))
    ridge = (2 + 4 * anatomy.socket_depth) * torch.exp((y + 19).square() * (-1 / 90))
    hollow = -(1 + 1.5 * anatomy.socket_depth) * torch.exp((y + 9).square() * (-1 / 20))
    return bulge, nose, ridge, hollow


def face_height(parts: Relief) -> Tensor:
    """The parts together, in mm."""
    return parts[0] + parts[1] + parts[2] + parts[3]


def slopes(x: Tensor, y: Tensor, parts: Relief) -> tuple[Tensor, Tensor]:
    """The derivatives of the relief's height, d/dx and d/dy."""
    bulge, nose, ridge, hollow = parts
    slope_x = bulge * x * (-1 / 64) - nose * (x + 32) * (1 / 100)
    slope_y = bulge * y * (-1 / 64) - ridge * (y + 19) * (1 / 45) - hollow * (y + 9) * (1 / 10)
    return slope_x, slope_y


def dot(a: Vector, b: Vector) -> Tensor:
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def halfway(towards: Vector) -> Vector:
    """The unit normal that mirrors light from `towards` into the camera."""
    half = (towards[0], towards[1], towards[2] - 1)
    size = torch.rsqrt(dot(half, half))
    return half[0] * size, half[1] * size, half[2] * size


def rays(matrix: Tensor, dx: Tensor, dy: Tensor) -> Vector:
    """Camera rays (dx, dy, 1) seen from a rotated frame; dx [N, 1, w], dy [N, h, 1]; each component [N, h, w]."""
    m = matrix[:, :, :, None, None]
    return tuple((m[:, 0, k] * dx + m[:, 2, k]) + m[:, 1, k] * dy for k in range(3))  # type: ignore[return-value]


def camera_in(matrix: Tensor, origin: Tensor) -> Vector:
    """The camera's position seen from a frame: each component [N, 1, 1]."""
    position = -_apply(matrix.transpose(1, 2), origin)
    return tuple(position[:, k, None, None] for k in range(3))  # type: ignore[return-value]


def meet_plane(start: Vector, direction: Vector, z: Tensor | float) -> tuple[Tensor, Tensor]:
    """x and y where rays cross the plane at z."""
    way = (z - start[2]) / direction[2]
    return start[0] + way * direction[0], start[1] + way * direction[1]


def project(points: Tensor, height: int, width: int) -> Tensor:
    """Points [N, K, 3] in the camera frame as pixels (x, y) [N, K, 2]; (0, 0) is the centre of the first pixel."""
    middle = points.new_tensor([(width - 1) / 2, (height - 1) / 2])
    return points[..., :2] / points[..., 2:] * focal_length(width) + middle


def labels(scene: Scene, height: int, width: int) -> dict[str, Tensor]:
    """Exact labels: gaze and head_pose [N, 2] radians; pupil_center, iris_center [N, 2], lid_landmarks [N, K, 2] px."""
    placed, anatomy, pose = place(scene), scene.anatomy, scene.pose
    zero = torch.zeros_like(pose.gaze_pitch)

    def in_iris_plane(offset: Tensor) -> Tensor:
        local = torch.stack([offset, zero, zero - PUPIL_PLANE], -1)
        return project((placed.center + _apply(placed.eye, local))[:, None], height, width)[:, 0]

    return {
        "gaze": torch.stack([pose.gaze_pitch, pose.gaze_yaw], -1),
        "head_pose": torch.stack([pose.head_pitch, pose.head_yaw], -1),
        "pupil_center": in_iris_plane(-anatomy.pupil_offset),
        "iris_center": in_iris_plane(zero),
        "lid_landmarks": _lid_landmarks(scene, placed, height, width),
    }


def _lid_landmarks(scene: Scene, placed: Placed, height: int, width: int) -> Tensor:
    """Inner corner, upper lid from nose to temple, outer corner, lower lid back: [N, LANDMARKS, 2] px."""
    margin = lids(scene.anatomy, scene.pose, placed.eye_in_head[:, 0])
    half = LANDMARKS // 2
    points = []
    for k in range(LANDMARKS):
        along = -1 + 2 * k / half if k <= half else 1 - 2 * (k - half) / half
        x = along * scene.anatomy.half_width
        upper, lower, _ = margin.curves(x)
        y = upper if k <= half else lower
        z = -face_height(relief(x, y, scene.anatomy))
        points.append(placed.origin + _apply(placed.head, torch.stack([x, y, z], -1)))
    return project(torch.stack(points, 1), height, width)
