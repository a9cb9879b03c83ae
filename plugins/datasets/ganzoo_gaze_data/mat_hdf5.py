"""MATLAB 7.3 files, which are HDF5 inside. They hold each array with its axes in reverse, and text as UTF-16 codes.

The layout is that of MATLAB's `save(..., '-v7.3')`: a struct is a group, a cell array holds references.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from ganzoo_gaze_data.hdf5 import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
OFFSETS = (0, 512)  # MATLAB writes its own header before it
Sides = dict[str, dict[str, np.ndarray]]
HEAD = 520  # bytes that identify the format
MOST = 2**29  # bytes that one array may take, unpacked


def is_hdf5(head: bytes) -> bool:
    """Whether a file with these first bytes is MATLAB 7.3."""
    return any(head[at : at + len(SIGNATURE)] == SIGNATURE for at in OFFSETS)


def read_hdf5(data: bytes, sides: Sequence[str], keys: Sequence[str]) -> tuple[Sides, list[str]]:
    """`data.SIDE.KEY` as MATLAB has them, and the texts of the cell array `filenames`.

    Raises whatever h5py does, or ValueError, for a file of another layout.
    """
    with h5py().File(io.BytesIO(data), "r") as file:
        arrays = {side: {key: _array(file, f"data/{side}/{key}") for key in keys} for side in sides}
        return arrays, _texts(file, "filenames")


def _array(file: Any, name: str) -> np.ndarray:
    """One array, with its axes as MATLAB has them. It must lie in this file: HDF5 can also point into others."""
    return np.asarray(_dataset(file, name)[()]).transpose()


def _texts(file: Any, name: str) -> list[str]:
    """A cell array of texts, or a single text."""
    cells = _dataset(file, name)
    if cells.dtype.kind != "O":
        return [_text(cells)]
    return [_text(_plain(file[each], f"an entry of {name}")) for each in np.asarray(cells[()]).transpose().ravel()]


def _text(codes: Any) -> str:
    return np.asarray(codes[()]).transpose().astype("<u2").tobytes().decode("utf-16-le")


def _dataset(file: Any, name: str) -> Any:
    """The dataset at a path of which no part is a link out of the file."""
    at = file
    for part in name.split("/"):
        if not isinstance(at, h5py().Group) or part not in at:
            raise ValueError(f"it has no variable {name.replace('/', '.')}")
        if not isinstance(at.get(part, getlink=True), h5py().HardLink):
            raise ValueError(f"{part} is a link, which is not followed")
        at = at[part]
    return _plain(at, name.replace("/", "."))


def _plain(found: Any, name: str) -> Any:
    if not isinstance(found, h5py().Dataset) or found.external or found.is_virtual:
        raise ValueError(f"{name} is not an array of this file")
    if found.nbytes > MOST:
        raise ValueError(f"{name} takes more than {MOST >> 20} MiB")
    return found
