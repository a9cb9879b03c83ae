"""Reads a user's labels, codes and other numbers from a csv or an npz file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import some
from ganzoo.files.labels import gaze_labels
from ganzoo.files.npz import array_headers, read_array
from ganzoo.files.table import FILE, numbers_of, read_table
from ganzoo.task import GazeTask, Task

_VECTOR = ("gaze_x", "gaze_y", "gaze_z")


@dataclass(frozen=True)
class Numbers:
    """Rows of numbers, and the images that they belong to if the file says so."""

    values: np.ndarray  # [N, ...]
    names: Sequence[str] | None = None


def read_numbers(path: Path, what: str, key: str) -> Numbers:
    """All numbers of a csv file, except its column `file`; or the array `key` of an npz, or its only array.

    Raises DatasetError, naming the option `what`, for any other file.
    """
    if _kind(path, what) == ".npz":
        return Numbers(read_named_array(path, what, key))
    header, lines = read_table(path)
    keys = [name for name in header if name != FILE]
    values = [numbers_of(record, keys, f"{path} line {line}") for line, record in lines]
    return Numbers(np.array(values, np.float64).reshape(len(lines), len(keys)), _names(header, lines))


def read_named_array(path: Path, what: str, key: str) -> np.ndarray:
    """The array `key` of an npz file, or its only array. Raises DatasetError if it is absent or not numeric."""
    headers = array_headers(path)
    if key not in headers and len(headers) != 1:
        raise DatasetError(f"{what}: {path} has no array {key!r}, only {', '.join(headers) or 'nothing'}")
    values = read_array(path, key if key in headers else next(iter(headers)), headers)
    if values.ndim == 0 or values.dtype.kind not in "fiub":
        raise DatasetError(f"{what}: {path} must hold numbers, one row per sample, not {values.dtype}")
    return values


def read_labels(path: Path, what: str, task: Task) -> Numbers:
    """The labels of a csv file: the columns that the task names, for gaze also gaze_x, gaze_y and gaze_z.

    Raises DatasetError, naming the option `what`, if there are no such columns.
    """
    if _kind(path, what) != ".csv":
        raise DatasetError(f"{what}: labels must be in a csv file such as labels.csv, not {path.name}")
    header, lines = read_table(path)
    names = _names(header, lines)
    for keys in (task.label_names, *([_VECTOR] if isinstance(task, GazeTask) else [])):
        if set(keys) <= set(header):
            values = [numbers_of(record, keys, f"{path} line {line}") for line, record in lines]
            found = np.array(values, np.float64).reshape(len(lines), len(keys))
            if keys == _VECTOR:
                shown = names or [f"line {line}" for line, _ in lines]
                converted = gaze_labels(found, None, str(path), shown)
                assert converted is not None
                found = converted
            return Numbers(found, names)
    raise DatasetError(f"{what}: {path} must have the columns {', '.join(task.label_names)}, not {', '.join(header)}")


def _names(header: Sequence[str], lines: Sequence[tuple[int, dict[str, str]]]) -> list[str] | None:
    return [record[FILE] for _, record in lines] if FILE in header else None


def _kind(path: Path, what: str) -> str:
    if not os.path.exists(path):
        raise DatasetError(f"{what} {path} does not exist")
    ending = path.suffix.lower()
    if not path.is_file() or ending not in (".csv", ".npz"):
        raise DatasetError(f"{what} {path} must be a csv or an npz file")
    return ending


def in_order(numbers: Numbers, names: Sequence[str], what: str) -> np.ndarray:
    """The rows in the order of the images `names`. Raises DatasetError if the file names other images."""
    if numbers.names is None:
        return numbers.values
    at = {name: row for row, name in enumerate(numbers.names)}
    if absent := [name for name in names if name not in at]:
        raise DatasetError(f"{what}: {len(absent):,} of {len(names):,} images have no row ({some(absent)})")
    if len(numbers.names) != len(names):
        raise DatasetError(f"{what}: there are {len(numbers.names):,} rows for {len(names):,} images")
    return numbers.values[[at[name] for name in names]]
