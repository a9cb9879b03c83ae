"""A prepared store: images in one memory-mapped file, labels in one table, and a card that describes them.

    NAME/images.npy      uint8 [N, C, H, W]
    NAME/labels.parquet  N rows, in the same order
    NAME/card.json       name, licence, citation, counts, conventions, recipe, checksums

Columns that ganzoo knows; an archive may add others:

    gaze [3]             unit vector; camera x right, y down, z forward
    pitch, yaw           the same in radians; up and image-left are positive
    pose_pitch, pose_yaw head pose in radians, the same convention
    pupil_x, pupil_y     px of the stored image; (0, 0) is the centre of its top left pixel
    landmarks [k]        x, y, x, y, ... px of the stored image
    class                an integer from 0
    person, day, side    who, when, which eye
    split                "train" or "test", if the authors define it
    file                 its path in the archive
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from ganzoo.batch import DataSpec
from ganzoo.errors import DatasetError
from ganzoo.files import strict_json
from ganzoo.files.guard import check_memory, check_plain, reading
from ganzoo.system.paths import typed
from ganzoo.task import GazeTask

if TYPE_CHECKING:
    import pyarrow

IMAGES, LABELS, CARD = "images.npy", "labels.parquet", "card.json"
NUMBERS = ("gaze", "pitch", "yaw", "pose_pitch", "pose_yaw", "pupil_x", "pupil_y", "landmarks", "class")
VECTORS = ("gaze", "landmarks")  # the columns whose rows are lists of numbers
TABLES = ("checksums", "settings", "conventions", "recipe")  # of the card
NAMED = ("gaze", "pitch", "yaw", "pose_pitch", "pose_yaw", "pupil_x", "pupil_y", "landmarks", "class",
         "person", "day", "side", "split", "file")  # fmt: skip


def data_folder() -> Path:
    """The default folder of prepared stores; the environment variable GANZOO_DATA changes it."""
    return typed(os.environ.get("GANZOO_DATA") or platformdirs.user_data_dir("ganzoo"))


def is_store(path: Path) -> bool:
    return os.path.isfile(path / CARD) and os.path.isfile(path / IMAGES)  # no error for a name that is too long


def prepared() -> list[str]:
    """Names of the stores in `data_folder`."""
    folder = data_folder()
    return sorted(path.name for path in folder.iterdir() if is_store(path)) if folder.is_dir() else []


class Store:
    """An open store. Data are read on demand.

    Raises DatasetError if the folder holds no store or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not is_store(path):
            raise DatasetError(f"{path} holds no prepared store (no {CARD} and {IMAGES} in it)")
        with reading(path / CARD, "card"):
            self.card: Mapping[str, Any] = strict_json.parse((path / CARD).read_bytes())
            spec = DataSpec.from_table(self.card["spec"])
            if not all(isinstance(self.card.get(key, {}), dict) for key in TABLES):
                raise ValueError(f"one of {', '.join(TABLES)} is not a table")
        if spec is None:
            raise DatasetError(f"{path / CARD} does not say what images and labels the store has; prepare it again")
        self.spec = spec

    @cached_property
    def images(self) -> np.ndarray:
        """uint8 [N, C, H, W], mapped into memory."""
        with reading(self.path / IMAGES, "image array"):
            images: np.ndarray = np.load(self.path / IMAGES, mmap_mode="r", allow_pickle=False)
        wanted = (self.card.get("images"), *self.spec.image_shape)
        if images.dtype != np.uint8 or images.shape != wanted:
            found = f"{images.dtype} {list(images.shape)}"
            raise DatasetError(f"{self.path / IMAGES} is {found}, but its card says uint8 {list(wanted)}")
        return images

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def columns(self) -> Sequence[str]:
        """Names of the columns."""
        import pyarrow.parquet as parquet  # slow to import (0.5 s); only stores need it

        check_plain(self.path / LABELS)
        with reading(self.path / LABELS, "parquet file"):
            schema = parquet.read_schema(self.path / LABELS)
        return [str(name) for name in schema.names]

    def column(self, name: str) -> np.ndarray:
        """One column: [N] or [N, k]. Raises DatasetError if there is none, or the table is damaged."""
        import pyarrow.parquet as parquet

        if name not in self.columns:
            raise DatasetError(f"the store {self.path} has no column {name!r}, only {', '.join(self.columns)}")
        with reading(self.path / LABELS, "parquet file"):
            facts = parquet.read_metadata(self.path / LABELS)
        self._check_table(facts)
        with reading(self.path / LABELS, "parquet file"):
            values = as_array(parquet.read_table(self.path / LABELS, columns=[name]).column(0))
            if name in NUMBERS and values.dtype.kind not in "fiu":
                raise ValueError(f"its column {name!r} must hold numbers, not {values.dtype}")
            if name in NAMED and (values.shape[1:] != (3,) if name == "gaze" else values.ndim != 1 + (name in VECTORS)):
                raise ValueError(f"its column {name!r} has rows of shape {list(values.shape[1:])}")
            if len(values) != len(self):
                raise ValueError(f"its column {name!r} has {len(values):,} rows for {len(self):,} images")
        return values

    def _check_table(self, facts: pyarrow.parquet.FileMetaData) -> None:
        """Raise DatasetError, before reading any row, if the table has not one row per image or is too large."""
        if facts.num_rows != len(self):
            raise DatasetError(f"{self.path}: {len(self):,} images, but {facts.num_rows:,} rows of labels")
        groups = [facts.row_group(number) for number in range(facts.num_row_groups)]
        check_memory(sum(group.total_byte_size for group in groups), f"{self.path / LABELS}")

    def gaze(self) -> np.ndarray | None:
        """Pitch and yaw in radians, float32 [N, 2]."""
        if not {"pitch", "yaw"} <= set(self.columns):
            return None
        return np.stack([self.column("pitch"), self.column("yaw")], 1).astype(np.float32)

    def labels(self) -> np.ndarray | None:
        """Labels in the form of the store's task, float32 [N, task.label_size]; None if there are none."""
        if isinstance(self.spec.task, GazeTask):
            return self.gaze()
        return self.column("class").astype(np.float32)[:, None] if "class" in self.columns else None


def as_array(column: pyarrow.ChunkedArray) -> np.ndarray:
    """A column of a table as numpy: lists of a fixed size become [N, k]."""
    import pyarrow

    kinds = pyarrow.types
    kind = column.type.value_type if kinds.is_fixed_size_list(column.type) else column.type
    if kinds.is_dictionary(kind):
        kind = kind.value_type
    if not any(known(kind) for known in (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_string)):
        raise ValueError(f"it has a column of {column.type}; stores can have numbers, text and vectors of numbers")
    if kinds.is_fixed_size_list(column.type):
        if column.null_count:
            raise ValueError("it has a missing vector")
        flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(column), column.type.list_size)
    return np.asarray(column.to_numpy())


def _as_text(words: np.ndarray) -> list[str]:
    """Text as valid UTF-8: bytes of a file name in another encoding become \\udcXX."""
    return [word.encode("utf-8", "backslashreplace").decode() for word in words.tolist()]


def as_table(columns: Mapping[str, np.ndarray]) -> pyarrow.Table:
    """The inverse of `as_array`, for all columns of a table."""
    import pyarrow

    arrays = {}
    for name, values in columns.items():
        if values.ndim == 2:
            arrays[name] = pyarrow.FixedSizeListArray.from_arrays(
                pyarrow.array(np.ascontiguousarray(values).ravel()), values.shape[1]
            )
        else:
            arrays[name] = pyarrow.array(_as_text(values) if values.dtype.kind == "U" else values)
    return pyarrow.table(arrays)


def as_slice(rows: np.ndarray) -> slice | np.ndarray:
    """Row numbers as a slice if they are evenly spaced, so that a memory map is not copied; else as given."""
    step = int(rows[1] - rows[0]) if len(rows) > 1 else 1
    even = step > 0 and bool((np.diff(rows) == step).all())
    return slice(int(rows[0]), int(rows[-1]) + 1, step) if even else rows
