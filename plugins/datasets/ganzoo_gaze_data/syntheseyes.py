"""SynthesEyes (Wood et al., ICCV 2015): folders f01, f02, m01, ... of png files, each with a pkl of the same name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.guard import check_inside
from ganzoo.files.image_file import read_image
from ganzoo.task import GazeTask
from ganzoo_gaze_data.crop import Crop, CropConfig, steps
from ganzoo_gaze_data.directions import GAZE, PUPIL, gaze_columns
from ganzoo_gaze_data.plain_pickle import loads
from ganzoo_gaze_data.rows import SampleRows, check_folder, names_in

BLOCK = 256  # images in a piece
MOST_PICKLE, MOST_IMAGE = 2**20, 2**24  # bytes
LANDMARKS = ("ldmks_lids_2d", "ldmks_iris_2d", "ldmks_pupil_2d")
ENOUGH = 100  # images to check whether labels and landmarks agree


class SynthesEyes(Archive):
    name = "syntheseyes"
    summary = "SynthesEyes: 11,382 rendered eyes of 10 heads, with gaze, head pose and landmarks"
    homepage = "https://www.cl.cam.ac.uk/research/rainbow/projects/syntheseyes/"
    license = "see its page"
    citation = "Wood, Baltrusaitis, Zhang, Sugano, Robinson, Bulling: Rendering of eyes for eye-shape registration and gaze estimation, ICCV 2015"  # noqa: E501
    size = "about 150 MB"
    expects = "PATH (the folder with f01/*.png and f01/*.pkl, f02, m01, ...)"
    domain = "source"
    conventions: ClassVar[Mapping[str, str]] = {
        **GAZE,
        **PUPIL,
        "head_rotation": "head_pose, a rotation from the scene to Blender's camera (y up, z backward), row by row",
        "person": "whose head was scanned: f01, m02, ...",
        "file": "person and image",
    }
    Config = CropConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, self.config.height, self.config.width

    def pieces(self) -> Sequence[str]:
        return [
            f"{person}:{start}" for person, names in _images(self.path).items() for start in range(0, len(names), BLOCK)
        ]

    def read(self, piece: str) -> Piece:
        person, start = piece.split(":")
        rows = SampleRows(self.path, self.image_shape)
        moved: list[np.ndarray] = []
        for name in _images(self.path)[person][int(start) : int(start) + BLOCK]:
            file = f"{person}/{name}"
            with rows.skipping(file):
                image, columns, offset = self._eye(file, rows)
                rows.add(image, {**columns, "person": person, "file": file})
                moved.append(np.concatenate([offset, columns["gaze"][:2]]))
        _check_signs(np.array(moved), self.path)
        return rows.piece()

    def recipe(self) -> Mapping[str, Any]:
        return {
            "centre": "middle of the outermost left and right points of ldmks_lids_2d",
            **steps(self.config),
            "gaze": "look_vec (x, y, z), camera x right, y up -> (x, -y, -|z|): a visible eye looks to the camera's "
            "side",
            "head pose": "head_pose as published; which way its head faces is not documented, so no angles are made",
            "pupil": "mean of ldmks_pupil_2d",
        }

    def _eye(self, file: str, rows: SampleRows) -> tuple[np.ndarray, Mapping[str, Any], np.ndarray]:
        labels = Path(file).with_suffix(".pkl")
        if not (rows.root / labels).exists():
            raise DatasetError("there is no pkl file beside it")
        record = loads(rows.content(str(labels), MOST_PICKLE))
        points = record.get("ldmks") if isinstance(record, dict) else None
        if not isinstance(points, dict):
            raise DatasetError("its pickle is no dictionary with look_vec, head_pose and ldmks")
        lids, iris, pupil = (_points(points, name) for name in LANDMARKS)
        corners = lids[[lids[:, 0].argmin(), lids[:, 0].argmax()]]
        crop = Crop.of(corners, self.config)
        centre = crop.points(pupil.mean(0)[None], self.config)[0]
        columns = {
            **gaze_columns(_look(record.get("look_vec"))),
            "head_rotation": _rotation(record.get("head_pose")),
            "pupil_x": centre[0],
            "pupil_y": centre[1],
        }
        pixels = read_image(rows.root / file, rows.content(file, MOST_IMAGE))
        return crop.image(pixels, self.config), columns, (iris.mean(0) - corners.mean(0)) / crop.across


def _check_signs(moved: np.ndarray, folder: Path) -> None:
    """Raise DatasetError if irises and labels have opposite directions, over enough images.

    Rows are iris x, y in the eye, and gaze x, y. Signs of a camera's axes are easily confused, and nothing later would
    find it; so labels that the pictures contradict are refused.
    """
    if len(moved) < ENOUGH:
        return
    for axis, name in enumerate("xy"):
        iris, gaze = moved[:, axis], moved[:, 2 + axis]
        if gaze.std() > 0.05 and np.corrcoef(iris, gaze)[0, 1] < 0:
            raise DatasetError(f"--from {folder}: irises and look_vec have opposite directions along {name}, "
                               "so this is not SynthesEyes as published")  # fmt: skip


def _look(vector: object) -> np.ndarray:
    """A direction in the camera of Blender (x right, y up, z towards the viewer) in ours."""
    x, y, z = _numbers(vector, (3,), "look_vec")
    return np.array([x, -y, -abs(z)])


def _rotation(matrix: object) -> np.ndarray:
    """[9], row by row; NaN if it is not given."""
    try:
        return _numbers(matrix, (3, 3), "head_pose").ravel().astype(np.float32)
    except DatasetError:
        return np.full(9, np.nan, np.float32)


def _points(record: Mapping[str, Any], name: str) -> np.ndarray:
    values = record.get(name)
    points = _numbers(values, (len(values) if isinstance(values, list | np.ndarray) else 0, 2), name)
    if len(points) < 3:
        raise DatasetError(f"its {name} has fewer than 3 points")
    return points


def _numbers(values: object, shape: tuple[int, ...], name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty(0)
    if numbers.shape != shape or (name != "look_vec" and not np.isfinite(numbers).all()):
        raise DatasetError(f"its {name} are not numbers {list(shape)}")
    return numbers


@lru_cache(2)
def _images(folder: Path) -> dict[str, list[str]]:
    """The png files of each person."""
    check_folder(folder, SynthesEyes.expects)
    root = folder
    people = {}
    for person in names_in(root, root):
        check_inside(root / person, root)
        if (root / person).is_dir():
            names = [name for name in names_in(root / person, root) if name.lower().endswith(".png")]
            if names:
                people[person] = names
    if not people:
        raise DatasetError(f"--from {folder} holds no folders with png files; it must be {SynthesEyes.expects}")
    return people
