"""The cache of what ganzoo can recompute: rendered datasets, fitted networks, features of reference images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from ganzoo.errors import GanzooError
from ganzoo.system.atomic import replacing
from ganzoo.system.paths import typed

if TYPE_CHECKING:
    import numpy as np


def cache_folder(name: str) -> Path:
    """The folder for one kind of cached data; the environment variable GANZOO_CACHE changes its root."""
    root = os.environ.get("GANZOO_CACHE") or platformdirs.user_cache_dir("ganzoo")
    return typed(root) / name


@contextmanager
def single_flight(name: str) -> Iterator[None]:
    """In the body, this process is the only one that makes what has this name; others wait, and then find it there.

    So of a hundred cells of a bench that start together, one draws the data. Look again in the body whether it is
    there. If the cache cannot be written, nobody waits.
    """
    from ganzoo.system.lock import locked  # here, because `ganzoo --help` looks into the cache, too

    with ExitStack() as held:
        with suppress(OSError, GanzooError):
            place = cache_folder("locks") / name
            place.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(place, wait=True))
        yield


def kept_array(file: Path) -> np.ndarray | None:
    """An array that `keep_array` wrote; None if it is missing or damaged."""
    import numpy as np  # here, for the same reason

    try:
        array: np.ndarray = np.load(file, allow_pickle=False)
    except Exception:  # numpy raises nearly any exception on a damaged header
        return None
    return array if array.ndim and np.issubdtype(array.dtype, np.number) else None


def keep_array(file: Path, array: np.ndarray) -> None:
    """Write an array atomically. A failure to write is ignored: the array is only recomputed later."""
    import numpy as np

    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file, shared=True) as aside, aside.open("wb") as stream:
            np.save(stream, array)
