"""The package h5py, an optional dependency that reads h5 files and MATLAB 7.3 files."""

from __future__ import annotations

from typing import Any

from ganzoo.errors import DatasetError

INSTALL = "pip install 'ganzoo[h5]'"


def h5py() -> Any:
    """The package. Raises DatasetError if it is absent."""
    try:
        import h5py
    except ImportError as error:
        raise DatasetError(f"h5 files need the package h5py: {INSTALL}") from error
    return h5py


def has_h5py() -> bool:
    try:
        h5py()
    except DatasetError:
        return False
    return True
