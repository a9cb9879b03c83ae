"""UnityEyes (Wood et al., ETRA 2016): a folder of N.jpg and N.json as the program writes them."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files import strict_json
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.guard import reading
from ganzoo.files.image_file import FORMATS, read_image
from ganzoo.files.look_vector import look_vector as gaze_of
from ganzoo.files.look_vector import text_numbers
from ganzoo.task import GazeTask
from ganzoo_gaze_data.crop import Crop, CropConfig, steps
from ganzoo_gaze_data.directions import GAZE, POSE, PUPIL, gaze_columns, pose_columns
from ganzoo_gaze_data.rows import SampleRows, check_folder

BLOCK = 256  # images in a piece
MOST_JSON, MOST_IMAGE = 2**20, 2**26  # bytes
LANDMARKS = {"interior_margin_2d": 16, "caruncle_2d": 7, "iris_2d": 32}
OUTER = 8  # of the interior margin: the eye's outer corner


class UnityEyes(Archive):
    name = "unityeyes"
    summary = "UnityEyes: rendered eyes with gaze, head pose and landmarks, as many as you let it render"
    homepage = "https://www.cl.cam.ac.uk/research/rainbow/projects/unityeyes/"
    license = "see its page"
    citation = "Wood, Baltrusaitis, Morency, Robinson, Bulling: Learning an appearance-based gaze estimator from one million synthesised images, ETRA 2016"  # noqa: E501
    size = "a program for Windows that renders about 20 images a second"
    expects = "PATH (the folder imgs with 1.jpg, 1.json, 2.jpg, 2.json, ...)"
    domain = "source"
    conventions: ClassVar[Mapping[str, str]] = {
        **GAZE,
        **POSE,
        **PUPIL,
        "landmarks": "x, y px of the stored image: 16 of the lids' inner margin, 7 of the caruncle, 32 of the iris",
        "file": "the image in the folder",
    }
    Config = CropConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, self.config.height, self.config.width

    def pieces(self) -> Sequence[str]:
        found = numbers(self.path)
        return [f"{found[at]}-{found[min(at + BLOCK, len(found)) - 1]}" for at in range(0, len(found), BLOCK)]

    def read(self, piece: str) -> Piece:
        found = numbers(self.path)
        first, last = (int(edge) for edge in piece.split("-"))
        rows = SampleRows(self.path, self.image_shape)
        if first == found[0]:
            for name in odd_names(self.path):
                rows.skip(name, "its name is not N.jpg or N.json, as UnityEyes writes it")
        for number in found[np.searchsorted(found, first) : np.searchsorted(found, last, "right")]:
            name = f"{number}.jpg"
            with rows.skipping(name):
                image, columns = self._eye(int(number), rows)
                rows.add(image, {**columns, "file": name})
        return rows.piece()

    def recipe(self) -> Mapping[str, Any]:
        return {
            "landmarks": "y is image height - y of the file",
            "centre": "middle of the eye corners: mean of caruncle_2d, and point 8 of interior_margin_2d",
            **steps(self.config),
            "gaze": "eye_details.look_vec (x, y, z, 0) -> (x, -y, z)",
            "head pose": "head_pose (p, q, 0) in degrees faces (-sin q, -cos q sin p, cos q cos p)",
            "pupil": "mean of iris_2d",
        }

    def _eye(self, number: int, rows: SampleRows) -> tuple[np.ndarray, Mapping[str, Any]]:
        image, labels = rows.root / f"{number}.jpg", rows.root / f"{number}.json"
        if not labels.exists():
            raise DatasetError("there is no json file beside it")
        if not image.exists():
            raise DatasetError("there is a json file, and no image beside it")
        record = parse(rows.content(labels.name, MOST_JSON), labels)
        pixels = read_image(image, rows.content(image.name, MOST_IMAGE))
        return eye(pixels, record, self.config)


def eye(pixels: np.ndarray, record: Mapping[str, Any], config: CropConfig) -> tuple[np.ndarray, Mapping[str, Any]]:
    """The crop and the columns of an image and its json. Raises DatasetError, without a name, if one is unusable."""
    points = {name: landmarks(record, name, count, len(pixels)) for name, count in LANDMARKS.items()}
    corners = np.stack([points["caruncle_2d"].mean(0), points["interior_margin_2d"][OUTER]])
    crop = Crop.of(corners, config)
    stored = crop.points(np.concatenate(list(points.values())), config)
    pupil = stored[-LANDMARKS["iris_2d"] :].mean(0)
    columns = {
        **gaze_columns(look_vector(record)),
        **pose_columns(head_facing(record)),
        "pupil_x": pupil[0],
        "pupil_y": pupil[1],
        "landmarks": stored.ravel(),
    }
    return crop.image(pixels, config), columns


def parse(data: bytes, file: Path) -> Mapping[str, Any]:
    with reading(file, "json file"):
        record = strict_json.parse(data.decode("utf-8-sig"))
    if not isinstance(record, dict):
        raise DatasetError(f"{file} must hold a json object")
    return record


def look_vector(record: Mapping[str, Any]) -> np.ndarray:
    """The gaze [3]; UnityEyes has y up."""
    details = record.get("eye_details")
    text = details.get("look_vec") if isinstance(details, dict) else None
    return np.array(gaze_of(text, "its eye_details.look_vec"))


def head_facing(record: Mapping[str, Any]) -> np.ndarray:
    """Where the head faces [3]; NaN if the json does not have it.

    head_pose holds the camera's rotation about the head, so the head's direction in the camera is its inverse.
    """
    if "head_pose" not in record:
        return np.full(3, np.nan)
    p, q, _ = np.deg2rad(text_numbers(record["head_pose"], "xyz", "its head_pose"))
    return np.array([-np.sin(q), -np.cos(q) * np.sin(p), np.cos(q) * np.cos(p)])


def landmarks(record: Mapping[str, Any], name: str, count: int, height: int) -> np.ndarray:
    """Points [count, 2] in px of the image; the file has y from the bottom edge up."""
    values = record.get(name)
    if not isinstance(values, list) or len(values) != count:
        raise DatasetError(f"its json has not {count} points {name}")
    points = np.array([text_numbers(value, "xyz", f"its {name}")[:2] for value in values])
    if not np.isfinite(points).all():
        raise DatasetError(f"its {name} are not finite")
    points[:, 1] = height - points[:, 1]
    return points


@lru_cache(2)
def numbers(folder: Path) -> np.ndarray:
    """The numbers of all N.jpg and N.json, sorted, int64. Of a million images they take 8 MB; their paths, a GB."""
    check_folder(folder, UnityEyes.expects)
    images, labels = array("q"), array("q")
    for name in _names(folder):
        stem, kind = _split(name)
        if _is_written(stem, kind):
            (images if kind == "jpg" else labels).append(int(stem))
    if not (len(images) and len(labels)):
        what = "N.jpg" if not len(images) else "N.json"
        raise DatasetError(f"--from {folder} holds no {what} with a number N; it must be {UnityEyes.expects}")
    return np.union1d(np.frombuffer(images, np.int64), np.frombuffer(labels, np.int64))


def odd_names(folder: Path) -> list[str]:
    """Images and json files that are not named as UnityEyes names its own."""
    kinds = (*FORMATS, ".json")
    return sorted(
        name
        for name in _names(folder)
        if name.lower().endswith(kinds) and not name.startswith(".") and not _is_written(*_split(name))
    )


def _split(name: str) -> tuple[str, str]:
    stem, _, kind = name.rpartition(".")
    return stem, kind


def _is_written(stem: str, kind: str) -> bool:
    """Whether UnityEyes writes such a name: 1.jpg, and neither 01.jpg nor a number beyond 18 digits."""
    digits = stem.isascii() and stem.isdigit() and len(stem) < 19
    return kind in ("jpg", "json") and digits and str(int(stem)) == stem


def _names(folder: Path) -> Iterator[str]:
    with reading(folder, "folder"), os.scandir(folder) as entries:
        for entry in entries:
            yield entry.name
