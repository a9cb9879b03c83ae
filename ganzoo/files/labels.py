"""Labels of images: their columns, and what makes them invalid."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch

from ganzoo.dataset import Domain
from ganzoo.errors import DatasetError
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.guard import some
from ganzoo.files.names import composed, natural
from ganzoo.task import GazeTask, angle_deg, gaze_pitch_yaw, gaze_vector

UNIT_TOLERANCE = 1e-3  # how far the length of a gaze vector may be from 1
AGREEMENT_DEG = 0.1  # how far a gaze vector may be from pitch and yaw in the same row
WIDEST_DEG = (60.0, 90.0)  # pitch and yaw of eyes that a camera sees stay within it
Value = TypeVar("Value")
PERSON_KEYS = ("subject", "person", "group")  # the first that is present names the person


@dataclass(frozen=True)
class Columns:
    """Labels of the images of a folder or archive, row by row."""

    labels: np.ndarray | None = None  # float32 [N, 2]: pitch, yaw in radians; [N, k] if others were chosen
    people: np.ndarray | None = None  # text [N]: who, as the labels name them
    pupil_center: np.ndarray | None = None  # float32 [N, 2]: x, y in px of the image as it is on disk
    mask: np.ndarray | None = None  # integers [N, H, W]: what each pixel shows; read with chosen labels alone


@dataclass
class LabelRows:
    """Raw values, row by row, before anything is checked; None if a row has none."""

    gaze: list[Sequence[float] | None] = field(default_factory=list)
    pitch_yaw: list[Sequence[float] | None] = field(default_factory=list)
    person: list[object] = field(default_factory=list)
    pupil_center: list[Sequence[float] | None] = field(default_factory=list)
    chosen: list[Sequence[float] | None] = field(default_factory=list)

    def checked_chosen(self, chosen: ChosenLabel, where: str, names: Sequence[str]) -> Columns:
        """The columns with the chosen labels instead of gaze. Raises DatasetError as `checked`."""
        person = _complete(self.person, where, names, "person")
        found = _complete(self.chosen, where, names, chosen.name)
        if found is not None and len({len(row) for row in found}) > 1:
            raise DatasetError(f"{where}: {chosen.name} must have as many numbers for each image")
        return Columns(
            labels=None if found is None else chosen.checked(np.array(found, np.float64), where, names),
            people=None if person is None else person_names(person),
        )

    def checked(self, where: str, names: Sequence[str]) -> Columns:
        """The columns. Raises DatasetError if a value is present in some rows only, or invalid."""
        person = _complete(self.person, where, names, "person")
        return Columns(
            labels=gaze_labels(
                _array(_complete(self.gaze, where, names, "gaze vector")),
                _array(_complete(self.pitch_yaw, where, names, "gaze pitch and yaw")),
                where,
                names,
            ),
            people=None if person is None else person_names(person),
            pupil_center=finite(
                _array(_complete(self.pupil_center, where, names, "pupil centre")), "pupil centres", where, names
            ),
        )


def gaze_labels(
    vectors: np.ndarray | None, pitch_yaw: np.ndarray | None, where: str, names: Sequence[str]
) -> np.ndarray | None:
    """Gaze as pitch and yaw in radians, float32 [N, 2], from unit vectors [N, 3], from pitch and yaw, or from both.

    Raises DatasetError, naming a few of the rows, for values that are not finite, for vectors whose length is not
    1 within 0.001, for angles that must be degrees, and if both are given and differ by more than 0.1 degrees.
    """
    vectors, pitch_yaw = _columns(vectors, 3, "gaze", where), _columns(pitch_yaw, 2, "gaze_pitchyaw", where)
    finite(vectors, "gaze vectors", where, names)
    finite(pitch_yaw, "gaze angles", where, names)
    if pitch_yaw is not None and (problem := GazeTask().problem(pitch_yaw)):
        raise DatasetError(f"{where}: {problem}")
    if pitch_yaw is not None:
        _warn_of_degrees(pitch_yaw, where)
    if vectors is not None:
        length = np.linalg.norm(vectors, axis=1)
        _refuse(np.abs(length - 1) > UNIT_TOLERANCE, "gaze vectors are not of unit length", where, names)
    if vectors is not None and pitch_yaw is not None:
        apart = angle_deg(torch.from_numpy(vectors), gaze_vector(torch.from_numpy(pitch_yaw))).numpy()
        _refuse(
            apart > AGREEMENT_DEG,
            f"gaze vectors disagree with pitch and yaw, by up to {apart.max():.1f} degrees",
            where,
            names,
        )
    if pitch_yaw is not None:
        return pitch_yaw.astype(np.float32)
    return None if vectors is None else gaze_pitch_yaw(torch.from_numpy(vectors)).numpy().astype(np.float32)


def person_names(persons: Sequence[object]) -> np.ndarray:
    """Names of people, text [N]; an integer that is stored as 3.0 becomes 3."""

    def name(person: object) -> str:
        if isinstance(person, bytes):
            person = person.decode("utf-8", "replace")
        return composed(f"{person:.0f}" if isinstance(person, float) and person.is_integer() else str(person).strip())

    return np.array([name(person) for person in persons], dtype=np.str_)


def group_ids(people: np.ndarray) -> np.ndarray:
    """Person ids, int64, of names [N]: integers as they are, other names numbered in alphabetical order."""
    names, row = np.unique(people, return_inverse=True)
    if all(re.fullmatch(r"[+-]?[0-9]{1,18}", name) for name in names):
        ids = np.array([int(name) for name in names], np.int64)
        if len(np.unique(ids)) == len(names):  # 1 and 01 are two names
            return ids[row]
    return row.astype(np.int64)


def people_in(domain: Domain | None) -> list[str] | None:
    """Names of the people in a domain; None if its labels name none, or if there is no domain."""
    people = domain.extra.get("person") if domain else None
    return None if people is None else sorted(set(people.tolist()), key=natural)


def finite(values: np.ndarray | None, what: str, where: str, names: Sequence[str]) -> np.ndarray | None:
    """`values`, as they are. Raises DatasetError if a row of them is not finite."""
    if values is not None:
        _refuse(~np.isfinite(values).all(axis=1), f"{what} are not finite", where, names)
    return values


def person_of(record: Mapping[str, object]) -> object:
    """The person that a record names; None if it names none."""
    return next((record[key] for key in PERSON_KEYS if record.get(key) not in (None, "")), None)


def _warn_of_degrees(pitch_yaw: np.ndarray, where: str) -> None:
    """Warn of angles that are valid, but far wider than those of eyes that a camera sees."""
    pitch, yaw = np.rad2deg(np.abs(pitch_yaw)).max(axis=0, initial=0)
    if pitch > WIDEST_DEG[0] or yaw > WIDEST_DEG[1]:
        warnings.warn(
            f"{where}: read as radians, gaze labels reach {pitch:.0f} degrees of pitch and {yaw:.0f} of yaw; if they "
            "are degrees, multiply them by pi / 180",
            stacklevel=2,
        )


def _columns(values: np.ndarray | None, count: int, key: str, where: str) -> np.ndarray | None:
    if values is None:
        return None
    if values.ndim != 2 or values.shape[1] != count or values.dtype.kind not in "fiu":
        raise DatasetError(f"{where}: {key} must be numbers [N, {count}], not {values.dtype} {list(values.shape)}")
    return values.astype(np.float64)


def _complete(values: list[Value | None], where: str, names: Sequence[str], what: str) -> list[Value] | None:
    absent = [name for name, value in zip(names, values, strict=True) if value is None]
    if len(absent) == len(values):
        return None
    if absent:
        raise DatasetError(
            f"{where}: {len(absent):,} of {len(values):,} images have no {what} ({some(absent)}); "
            "give it for all images or for none"
        )
    return [value for value in values if value is not None]


def _array(values: list[Sequence[float]] | None) -> np.ndarray | None:
    return None if values is None else np.array(values, np.float64)


def _refuse(bad: np.ndarray, problem: str, where: str, names: Sequence[str]) -> None:
    if bad.any():
        rows = [names[int(row)] for row in np.flatnonzero(bad)]
        raise DatasetError(f"{where}: {len(rows):,} {problem} ({some(rows)})")
