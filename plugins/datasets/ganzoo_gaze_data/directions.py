"""Directions in the convention of stores: camera x right, y down, z forward."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ganzoo.errors import DatasetError
from ganzoo.files.labels import UNIT_TOLERANCE
from ganzoo.task import gaze_pitch_yaw

GAZE = {
    "gaze": "unit vector from the eye into the scene; camera x right, y down, z forward",
    "pitch": "of the gaze, radians; up is positive",
    "yaw": "of the gaze, radians; to the image's left is positive",
}
POSE = {
    "pose_pitch": "where the head faces, radians; up is positive",
    "pose_yaw": "where the head faces, radians; to the image's left is positive",
}
PUPIL = {
    "pupil_x": "centre of the iris, px of the stored image; 0 is the centre of the leftmost pixel",
    "pupil_y": "centre of the iris, px of the stored image; 0 is the centre of the top pixel",
}


def pitch_yaw(vectors: np.ndarray) -> np.ndarray:
    """Pitch and yaw in radians of vectors [..., 3] of any length."""
    return gaze_pitch_yaw(torch.from_numpy(np.asarray(vectors, np.float64))).numpy()


def gaze_columns(vector: np.ndarray) -> Mapping[str, np.ndarray | np.float32]:
    """The columns of one gaze vector. Raises DatasetError if it is not finite, or not of length 1."""
    vector = np.asarray(vector, np.float64)
    if vector.shape != (3,):
        raise DatasetError("its gaze is not three numbers")
    if not np.isfinite(vector).all():
        raise DatasetError("its gaze is not finite")
    if abs(np.linalg.norm(vector) - 1) > UNIT_TOLERANCE:
        raise DatasetError("its gaze vector is not of unit length")
    pitch, yaw = pitch_yaw(vector)
    return {"gaze": vector.astype(np.float32), "pitch": np.float32(pitch), "yaw": np.float32(yaw)}


def pose_columns(facing: np.ndarray) -> Mapping[str, np.float32]:
    """The columns of a head that faces along a vector [3]; NaN if that is unknown."""
    pitch, yaw = pitch_yaw(facing)
    return {"pose_pitch": np.float32(pitch), "pose_yaw": np.float32(yaw)}


def facing_of(rotation_vector: np.ndarray) -> np.ndarray:
    """Where a head with this rotation vector faces, [3]: against the rotated z axis, which points into the head.

    The README of MPIIGaze states pitch = asin(Z_y) and yaw = atan2(Z_x, Z_z) of that axis Z, which is the same.
    """
    rotation_vector = np.asarray(rotation_vector, np.float64)
    if rotation_vector.shape != (3,) or not np.isfinite(rotation_vector).all():
        return np.full(3, np.nan)
    return -Rotation.from_rotvec(rotation_vector).as_matrix()[:, 2]
