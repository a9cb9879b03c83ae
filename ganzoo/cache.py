"""The cache of what ganzoo can recompute: rendered datasets, fitted networks, features of reference images."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs

from ganzoo.system.atomic import replacing
from ganzoo.system.paths import typed


def cache_folder(name: str) -> Path:
    """The folder for one kind of cached data; the environment variable GANZOO_CACHE changes its root."""
    root = os.environ.get("GANZOO_CACHE") or platformdirs.user_cache_dir("ganzoo")
    return typed(root) / name


def kept_array(file: Path) -> np.ndarray | None:
    """An array that `keep_array` wrote; None if it is missing or damaged."""
    try:
        array: np.ndarray = np.load(file, allow_pickle=False)
    except Exception:  # numpy raises nearly any exception on a damaged header
        return None
    return array if array.ndim and np.issubdtype(array.dtype, np.number) else None


def keep_array(file: Path, array: np.ndarray) -> None:
    """Write an array atomically. A failure to write is ignored: the array is only recomputed later."""
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, shared=True) as aside, aside.open("wb") as stream:
            np.save(stream, array)
