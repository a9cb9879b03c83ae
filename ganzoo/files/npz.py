"""Arrays of an npz file, checked before they are read: they must fit in memory, and hold no code."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import check_memory, check_plain, reading

MOST_PACKED = 1100  # deflate compresses zeros 1032 to 1, and nothing better
Headers = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]


def array_headers(file: Path) -> Headers:
    """Shape and dtype of each array of an npz file, without reading the arrays."""
    headers: Headers = {}
    check_plain(file)
    with reading(file, "npz file"), zipfile.ZipFile(file) as archive:
        for entry in archive.namelist():
            if entry.endswith(".npy"):
                with archive.open(entry) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read(stream)
                if not all(type(side) is int and side >= 0 for side in shape):
                    raise ValueError(f"its array {entry} has the impossible shape {shape}")
                if int(np.prod(shape, dtype=object)) * dtype.itemsize > MOST_PACKED * file.stat().st_size:
                    raise ValueError(
                        f"its array {entry} claims to be {list(shape)}, but the file is too small for that"
                    )
                headers[entry.removesuffix(".npy")] = (shape, dtype)
    return headers


def read_array(file: Path, key: str, headers: Headers) -> np.ndarray:
    """One array. Raises DatasetError for one that would need unpickling, or does not fit in memory."""
    shape, dtype = headers[key]
    if dtype.hasobject:
        raise DatasetError(f"{file}: array {key!r} holds Python objects, which are not read: they can run code")
    check_memory(int(np.prod(shape, dtype=object)) * dtype.itemsize, f"{file}: {key}")
    with reading(file, "npz file"), np.load(file, allow_pickle=False) as archive:
        return np.asarray(archive[key])
