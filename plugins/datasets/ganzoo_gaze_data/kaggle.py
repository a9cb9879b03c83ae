"""Kaggle's eye-gaze (4quant): UnityEyes and MPIIGaze eyes of 35 x 55, as SimGAN's ports use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.guard import check_inside, reading
from ganzoo.files.image_file import read_image
from ganzoo.files.look_vector import DECIMAL_COMMA
from ganzoo.settings import Settings
from ganzoo.task import GazeTask
from ganzoo_gaze_data.crop import CropConfig
from ganzoo_gaze_data.directions import GAZE, gaze_columns
from ganzoo_gaze_data.hdf5 import h5py
from ganzoo_gaze_data.rows import SampleRows, check_folder, names_in
from ganzoo_gaze_data.unityeyes import eye, parse

HEIGHT, WIDTH = 35, 55
BLOCK = 512  # images in a piece
SYNTHETIC, REAL, FOLDER, LABELS = "gaze.h5", "real_gaze.h5", "imgs", "gaze.json"
MOST_JSON, MOST_IMAGE = 2**30, 2**26  # bytes


class NoSettings(Settings):
    """No settings."""


class Kaggle(Archive):
    """What both parts share: an h5 file with a group `image` of one array for each image."""

    homepage = "https://www.kaggle.com/datasets/4quant/eye-gaze"
    license = "that of UnityEyes, and of MPIIGaze: CC BY-NC-SA 4.0"
    citation = "Shrivastava, Pfister, Tuzel, Susskind, Wang, Webb: Learning from simulated and unsupervised images through adversarial training, CVPR 2017; UnityEyes; MPIIGaze"  # noqa: E501
    size = "11 GB"
    Config: ClassVar[type[Settings]] = NoSettings
    file: ClassVar[str]

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, HEIGHT, WIDTH

    @property
    def _root(self) -> Path:
        return self.path.parent if self.path.is_file() else self.path

    def pieces(self) -> Sequence[str]:
        return [f"{self.file}:{start}" for start in range(0, len(keys(self._h5())), BLOCK)]

    def read(self, piece: str) -> Piece:
        file, start = self._h5(), int(piece.split(":")[1])
        rows = SampleRows(self._root, self.image_shape)
        if start == 0:
            rows.note(self.file)
        with opened(file) as content:
            for key in keys(file)[start : start + BLOCK]:
                with rows.skipping(f"{self.file} image/{key}"):
                    rows.add(_stored(content["image"], key), {**self.labels(file, key), "file": f"image/{key}"})
        return rows.piece()

    def labels(self, file: Path, key: str) -> Mapping[str, Any]:
        return {}

    def recipe(self) -> Mapping[str, Any]:
        return {"images": "as they are"}

    def _h5(self) -> Path:
        if self.path.name != self.file:
            check_folder(self.path, self.expects)
        file = self._root / self.file
        if not file.is_file():
            raise DatasetError(f"--from {self.path} has no {self.file}; it must be {self.expects}")
        check_inside(file, self._root)
        return file


class KaggleRealGaze(Kaggle):
    name = "kaggle-real-gaze"
    summary = "Kaggle's eye-gaze, the real part: MPIIGaze eyes, grey 35x55, without labels"
    expects = f"PATH (the unpacked folder with {REAL}, or that file)"
    domain = "target"
    conventions: ClassVar[Mapping[str, str]] = {"file": "the image in the h5 file"}
    file = REAL


class KaggleEyeGaze(Kaggle):
    name = "kaggle-eye-gaze"
    summary = "Kaggle's eye-gaze, the rendered part: 50,000 UnityEyes eyes, grey 35x55, with gaze"
    expects = f"PATH (the unpacked folder with {SYNTHETIC}, or with {LABELS} and {FOLDER}/*.jpg)"
    domain = "source"
    conventions: ClassVar[Mapping[str, str]] = {**GAZE, "file": "the image"}
    file = SYNTHETIC

    def pieces(self) -> Sequence[str]:
        if not self._from_images:
            rows_of(self._h5())
            return super().pieces()
        return [f"{FOLDER}:{start}" for start in range(0, len(_names(self._root)), BLOCK)]

    def read(self, piece: str) -> Piece:
        if not self._from_images:
            return super().read(piece)
        start = int(piece.split(":")[1])
        rows = SampleRows(self._root, self.image_shape)
        if start == 0:
            rows.note(LABELS)
        labels = _records(self._root)
        for name in _names(self._root)[start : start + BLOCK]:
            with rows.skipping(name):
                if (record := labels.get(Path(name).stem)) is None:
                    raise DatasetError(f"{LABELS} has no entry for it")
                pixels = read_image(rows.root / name, rows.content(name, MOST_IMAGE))
                image, gaze = _labelled(pixels, record)
                rows.add(image, {**gaze, "file": name})
        return rows.piece()

    def recipe(self) -> Mapping[str, Any]:
        return {
            "images": f"{SYNTHETIC}: as they are; {FOLDER}: as they are where 35 x 55, else as unityeyes crops",
            "gaze": "look_vec (x, y, z) with y up -> (x, -y, z)",
        }

    def labels(self, file: Path, key: str) -> Mapping[str, Any]:
        x, y, z = rows_of(file)[key][:3]
        return gaze_columns(np.array([x, -y, z]))

    @property
    def _from_images(self) -> bool:
        return (self._root / LABELS).is_file() and (self._root / FOLDER).is_dir() and self.path.name != self.file


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    package = h5py()
    with reading(file, "h5 file"):
        content = package.File(file, "r")
    with content:
        yield content


@lru_cache(2)
def keys(file: Path) -> list[str]:
    """Names of the images. They must lie in this file: an h5 file can also point into others."""
    package = h5py()
    with opened(file) as content:
        with reading(file, "h5 file"):
            group = content.get("image") if isinstance(content.get("image", getlink=True), package.HardLink) else None
            if not isinstance(group, package.Group):
                raise DatasetError(f"{file} has no group image, only {', '.join(content) or 'nothing'}")
            names = list(group)
            links = [name for name in names if not isinstance(group.get(name, getlink=True), package.HardLink)]
        if links:
            raise DatasetError(f"{file}: image/{links[0]} is a link into another file, which is not followed")
    if not names:
        raise DatasetError(f"{file} has no images")
    return names


@lru_cache(2)
def rows_of(file: Path) -> dict[str, np.ndarray]:
    """The look_vec of each image.

    Rows of `look_vec` are those of `path`; images are named, and listed in the order of their names as text. A row
    belongs to the image whose name its path has; if names are plain numbers, to the one with its number. Raises
    DatasetError if neither applies: by order alone, labels would go to the wrong eyes.
    """
    with opened(file) as content, reading(file, "h5 file"):
        if "look_vec" not in content:
            raise DatasetError(f"{file} has no look_vec, only {', '.join(content)}")
        vectors = np.asarray(content["look_vec"], np.float64)
        paths = [_text(path) for path in np.asarray(content["path"]).ravel()] if "path" in content else []
    names = keys(file)
    if vectors.ndim != 2 or vectors.shape[1] not in (3, 4) or len(vectors) != len(names):
        raise DatasetError(f"{file} has {len(names):,} images, and look_vec is {list(vectors.shape)}")
    for found in ([Path(path).stem for path in paths], [Path(path).name for path in paths], paths):
        if len(found) == len(names) and set(found) == set(names):
            return dict(zip(found, vectors, strict=True))
    numbers = [int(name) if name.isascii() and name.isdigit() else -1 for name in names]
    if sorted(numbers) == list(range(len(names))):
        return {name: vectors[number] for name, number in zip(names, numbers, strict=True)}
    raise DatasetError(f"{file}: it is unclear which look_vec belongs to which image (such as image/{names[0]})")


def _stored(group: Any, key: str) -> np.ndarray:
    """One image, uint8 [1, 35, 55]; read only if it has the right size and is in this file."""
    with reading(Path(f"image/{key}"), "h5 array"):
        array = group[key]
        shape, elsewhere = array.shape, array.external or array.is_virtual
        if elsewhere:
            raise DatasetError("its values lie in another file")
        if shape != (HEIGHT, WIDTH):
            raise DatasetError(f"it is not {HEIGHT} x {WIDTH}")
        return _grey(np.asarray(array))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """[35, 55] of bytes, or of whole numbers that are bytes, as uint8 [1, 35, 55]."""
    if pixels.shape != (HEIGHT, WIDTH):
        raise DatasetError(f"it is not {HEIGHT} x {WIDTH}")
    if pixels.dtype != np.uint8:
        made = pixels.astype(np.uint8)
        if not (made == pixels).all():
            raise DatasetError("its values are not grey levels from 0 to 255")
        return made[None]
    return pixels[None]


def _labelled(pixels: np.ndarray, record: Any) -> tuple[np.ndarray, Mapping[str, Any]]:
    """An image and its gaze, if the entry is UnityEyes' own json, or holds a vector."""
    if isinstance(record, dict) and "interior_margin_2d" in record and pixels.shape[:2] != (HEIGHT, WIDTH):
        image, columns = eye(pixels, record, CropConfig(height=HEIGHT, width=WIDTH))
        return image, {key: columns[key] for key in GAZE}
    if isinstance(record, dict):
        details = record.get("eye_details")
        record = record.get("look_vec", details.get("look_vec") if isinstance(details, dict) else None)
    x, y, z = _look(record)
    if pixels.shape != (HEIGHT, WIDTH, 1):
        pixels = np.asarray(_as_grey(pixels))[..., None]
    return _grey(pixels[..., 0]), gaze_columns(np.array([x, -y, z]))


def _look(vector: Any) -> list[float]:
    """(x, y, z), or (x, y, z, 0) as UnityEyes writes it; numbers, or a text of them."""
    parts = vector.strip("()[] ").split(",") if isinstance(vector, str) else vector
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) not in (3, 4) or any(numbers[3:]):
        why = f" ({DECIMAL_COMMA})" if isinstance(vector, str) and len(numbers) in (6, 8) else ""
        raise DatasetError(f"its entry in {LABELS} has no look_vec of three numbers{why}")
    return numbers[:3]


def _as_grey(pixels: np.ndarray) -> np.ndarray:
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return np.asarray(picture.convert("L"))


@lru_cache(2)
def _names(root: Path) -> list[str]:
    found = [f"{FOLDER}/{name}" for name in names_in(root / FOLDER, root) if name.lower().endswith(".jpg")]
    if not found:
        raise DatasetError(f"{root / FOLDER} has no jpg files")
    return found


@lru_cache(1)
def _records(root: Path) -> Mapping[str, Any]:
    """The entries of gaze.json by the stem of their image."""
    file = root / LABELS
    check_inside(file, root)
    with reading(file, "json file"):
        if file.stat().st_size > MOST_JSON:
            raise DatasetError(f"{file} is larger than {MOST_JSON >> 20} MiB")
        data = file.read_bytes()
    entries = parse(data, file)
    if not entries:
        raise DatasetError(f"{file} has no entries")
    records = {Path(name).stem: record for name, record in entries.items()}
    if len(records) < len(entries):
        raise DatasetError(f"{file} has more than one entry for some images")
    return records
