"""One process at a time works on a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ganzoo.errors import GanzooError

FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, which exists. The system lets go of it when the process ends, however it ends.

    Raises GanzooError where another process holds it, or nothing can be written there.
    """
    lock = FileLock(folder / FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise GanzooError(f"{folder} is in use by another process; wait for it, or give another folder") from error
    except OSError as error:
        raise GanzooError(f"{folder} cannot be locked: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a process works on the folder now."""
    if not (folder / FILE).exists():
        return False
    try:
        with locked(folder):
            return False
    except GanzooError:
        return True
