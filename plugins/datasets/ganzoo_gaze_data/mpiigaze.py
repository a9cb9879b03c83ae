"""MPIIGaze (Zhang et al., CVPR 2015): its normalised eyes, Data/Normalized/pXX/dayYY.mat."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy.io import loadmat

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.guard import check_inside, reading, some
from ganzoo.files.mat_tags import checked
from ganzoo.settings import Settings
from ganzoo.task import GazeTask
from ganzoo_gaze_data.annotations import NORMALIZED, Annotations
from ganzoo_gaze_data.directions import GAZE, POSE, facing_of, gaze_columns, pose_columns
from ganzoo_gaze_data.hdf5 import INSTALL, has_h5py
from ganzoo_gaze_data.mat_hdf5 import HEAD, Sides, is_hdf5, read_hdf5
from ganzoo_gaze_data.rows import SampleRows, check_folder, names_in

HEIGHT, WIDTH = 36, 60
SIDES = ("left", "right")
KEYS = ("image", "gaze", "pose")
LISTS = Path("Evaluation Subset/sample list for eye image")
DAY = re.compile(r"day\d+\.mat", re.IGNORECASE)
MOST_MAT = 2**29  # bytes
FLIP = np.array([-1.0, 1.0, 1.0])


class MPIIGazeConfig(Settings):
    mirror: bool = Field(
        True, description="Mirror right eyes and their labels, so that all images look like left eyes, as papers do."
    )
    labels: Literal["published", "rotation-only"] = Field(
        "published",
        description="published: as in the mat files, computed with the scaled matrix M; rotation-only: without the "
        "scale, as the authors later advised (needs Data/Original).",
    )


class MPIIGaze(Archive):
    name = "mpiigaze"
    summary = "MPIIGaze: eyes of 15 people at their laptops, normalised, grey 36x60, with gaze and head pose"
    homepage = "https://www.perceptualui.org/research/datasets/MPIIGaze/"
    license = "CC BY-NC-SA 4.0"
    citation = "Zhang, Sugano, Fritz, Bulling: Appearance-based gaze estimation in the wild, CVPR 2015"
    size = "2.1 GB"
    expects = "PATH (the unpacked folder MPIIGaze, with Data/Normalized/p00/day01.mat and so on)"
    domain = "target"
    conventions: ClassVar[Mapping[str, str]] = {
        **GAZE,
        **POSE,
        "person": "p00 to p14",
        "day": "day01, ... of that person",
        "side": "left or right eye of the person",
        "file": "person, day and image",
        "evaluation": "whether the authors' evaluation subset has it",
    }
    Config = MPIIGazeConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, HEIGHT, WIDTH

    def pieces(self) -> Sequence[str]:
        root = _root(self.path)
        if self.config.labels == "rotation-only":
            Annotations.check(root)
        people = [name for name in names_in(root / NORMALIZED, root) if re.fullmatch(r"p\d+", name)]
        days = [f"{person}/{day}" for person in people for day in _days(root, person)]
        if not days:
            raise DatasetError(f"{root / NORMALIZED} has no pXX/dayYY.mat; --from must be {self.expects}")
        for name, alike in Counter(day.lower() for day in days).items():
            if alike > 1:
                raise DatasetError(f"{root / NORMALIZED} has {name} in several spellings; keep one of them")
        _check_hdf5(root, days)
        if (root / LISTS).is_dir():
            for person in people:
                evaluation(root, person)  # raises if one is missing or damaged
        return days

    def read(self, piece: str) -> Piece:
        root = _root(self.path)
        person, _, file = piece.partition("/")
        day = Path(file).stem.lower()
        rows = SampleRows(root, self.image_shape)
        name = f"{NORMALIZED}/{piece}"
        if file == _days(root, person)[0]:
            for other in names_in(root / NORMALIZED / person, root):
                if other.lower().endswith(".mat") and not DAY.fullmatch(other):
                    rows.skip(f"{NORMALIZED}/{person}/{other}", "its name is not dayYY.mat")
        with rows.skipping(name):
            eyes, files = read_mat(rows.content(name, MOST_MAT), root / name)
            annotations = None
            if self.config.labels == "rotation-only":
                annotations = Annotations.of(rows, person, day)
            chosen = evaluation(root, person) if (root / LISTS).is_dir() else None
            for side in SIDES:
                for row, file in enumerate(files):
                    where = f"{person}/{day}/{file}"
                    with rows.skipping(f"{where} {side}"):
                        image, columns = self._eye(eyes[side], row, side)
                        if annotations is not None:
                            columns |= self._rotated(eyes[side]["gaze"][row], annotations, file, side)
                        if chosen is not None:
                            columns["evaluation"] = (f"{day}/{file}", side) in chosen
                        rows.add(image, {**columns, "person": person, "day": day, "side": side, "file": where})
            if chosen is not None:
                for file, side in sorted(chosen):
                    if file.startswith(day + "/") and file.removeprefix(day + "/") not in files:
                        rows.skip(f"{person}/{file} {side}", "it is in the evaluation list, and not in the mat file")
        return rows.piece()

    def recipe(self) -> Mapping[str, Any]:
        return {
            "images": "as published: normalised (focal length 960 px, distance 600 mm), histogram-equalised, 36 x 60",
            "right eyes": "mirrored, with gaze x and head yaw negated" if self.config.mirror else "as they are",
            "gaze": "as published: made with the scaled matrix M = S R"
            if self.config.labels == "published"
            else "M = S R undone in its scale: (x, y, z / s) of unit length, s = 600 mm / distance of the eye",
            "head pose": "as published: pitch asin(Z_y), yaw atan2(Z_x, Z_z) of the rotation vector's z axis Z",
        }

    def _eye(self, eyes: Mapping[str, np.ndarray], row: int, side: str) -> tuple[np.ndarray, dict[str, Any]]:
        image, flip = eyes["image"][row], self._flip(side)
        if flip[0] < 0:
            image = image[:, ::-1]
        columns = {**gaze_columns(flip * eyes["gaze"][row]), **pose_columns(flip * facing_of(eyes["pose"][row]))}
        return np.ascontiguousarray(image)[None], columns

    def _rotated(self, gaze: np.ndarray, annotations: Annotations, file: str, side: str) -> Mapping[str, Any]:
        return gaze_columns(self._flip(side) * annotations.rotated(gaze, file, side))

    def _flip(self, side: str) -> np.ndarray:
        return FLIP if self.config.mirror and side == "right" else np.ones(3)


def _days(root: Path, person: str) -> list[str]:
    """The mat files of a person, with an ending in any case."""
    return [name for name in names_in(root / NORMALIZED / person, root) if DAY.fullmatch(name)]


def read_mat(data: bytes, file: Path) -> tuple[dict[str, dict[str, np.ndarray]], list[str]]:
    """For each side `image` uint8 [N, 36, 60], `gaze` and `pose` float64 [N, 3]; and N file names.

    Raises DatasetError if the file is damaged or has another layout.
    """
    with reading(file, "mat file"):
        sides, names = read_hdf5(data, SIDES, KEYS) if is_hdf5(data[:HEAD]) else _read_matlab_5(data)
        files = [name.strip() for name in names]
        # a day with one image comes without its first axis
        made = {
            side: {
                "image": found["image"].reshape(-1, HEIGHT, WIDTH),
                "gaze": found["gaze"].reshape(-1, 3).astype(np.float64),
                "pose": found["pose"].reshape(-1, 3).astype(np.float64),
            }
            for side, found in sides.items()
        }
    for found in made.values():
        if found["image"].dtype != np.uint8 or any(len(column) != len(files) for column in found.values()):
            raise DatasetError(f"{file} has not one uint8 image, gaze and pose of each side for each file name")
    if len(set(files)) < len(files):
        raise DatasetError(f"{file} has one file name twice")
    return made, files


def _read_matlab_5(data: bytes) -> tuple[Sides, list[str]]:
    plain = checked(data, ("data", "filenames"), MOST_MAT)
    content = loadmat(io.BytesIO(plain), simplify_cells=True, variable_names=["data", "filenames"])
    sides = {side: {key: np.asarray(content["data"][side][key]) for key in KEYS} for side in SIDES}
    return sides, [str(name) for name in np.atleast_1d(content["filenames"])]


def _check_hdf5(root: Path, days: Sequence[str]) -> None:
    """Raise DatasetError, before anything is written, for MATLAB 7.3 files that cannot be read here."""
    if has_h5py():
        return
    found = [day for day in days if is_hdf5(_head(root / NORMALIZED / day))]
    if found:
        raise DatasetError(
            f"{len(found):,} of {len(days):,} mat files are MATLAB 7.3 files ({some(found)}), which are read with the "
            f"package h5py: {INSTALL}; or load each in MATLAB and save it by save(FILE, 'data', 'filenames', '-v7')"
        )


def _head(file: Path) -> bytes:
    """The first bytes of a file; empty if it cannot be read, which its piece will report."""
    if file.is_symlink() or not file.is_file():
        return b""
    try:
        with file.open("rb") as stream:
            return stream.read(HEAD)
    except OSError:
        return b""


@lru_cache(32)
def evaluation(root: Path, person: str) -> frozenset[tuple[str, str]]:
    """The evaluation subset of a person: day/file and side. Raises DatasetError if its list is not as published."""
    file = root / LISTS / f"{person}.txt"
    check_inside(file, root)
    if not file.is_file():
        raise DatasetError(f"{file} is missing, while {file.parent} exists; unpack MPIIGaze again")
    with reading(file, "evaluation list"):
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(line) != 2 or line[1] not in SIDES or "/" not in line[0] for line in lines):
        raise DatasetError(f'{file} must have lines such as "day01/0001.jpg left"')
    return frozenset((path, side) for path, side in lines)


def _root(path: Path) -> Path:
    """The folder that holds Data/Normalized, which may be inside the given one."""
    check_folder(path, MPIIGaze.expects)
    for root in (path, path / "MPIIGaze"):
        if (root / NORMALIZED).is_dir():
            return root
    raise DatasetError(f"--from {path} has no {NORMALIZED}; it must be {MPIIGaze.expects}")
