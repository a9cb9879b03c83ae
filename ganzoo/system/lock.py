"""A lock: one process at a time works on a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ganzoo.errors import GanzooError

FILE = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock an existing folder. The system releases the lock when the process ends, in any way.

    Raises GanzooError if another process holds it, or if the folder cannot be written.
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
