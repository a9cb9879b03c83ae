"""A lock: one process at a time works on a folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ganzoo.errors import GanzooError, InUseError, printable

FILE = ".lock"
JOBS = {"SLURM_JOB_ID": "Slurm job", "PBS_JOBID": "PBS job", "LSB_JOBID": "LSF job", "JOB_ID": "SGE job"}
LONGEST = 200  # characters of a holder that are shown


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Lock an existing folder. The system releases the lock when the process ends, in any way.

    The lock file says which process holds it, on which host and in which job. Raises InUseError if another process
    holds it, unless this one should `wait`, and GanzooError if the folder cannot be written.
    """
    with _held(folder, wait):
        with suppress(OSError):  # the words are only for people
            (folder / FILE).write_text(_words(), encoding="utf-8")
        yield


def is_locked(folder: Path) -> bool:
    """Whether a process works on the folder now."""
    if not (folder / FILE).exists():
        return False
    try:
        with _held(folder, wait=False):
            return False
    except GanzooError:
        return True


@contextmanager
def _held(folder: Path, wait: bool) -> Iterator[None]:
    holder = _holder(folder)  # before the attempt, which empties the file in older versions of filelock
    lock = FileLock(folder / FILE)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout as error:
        raise InUseError(
            f"{folder} is in use by another process{holder}; wait for it, or give another folder"
        ) from error
    except (OSError, NotImplementedError) as error:
        raise GanzooError(f"{folder} cannot be locked: {getattr(error, 'strerror', None) or error}") from error
    try:
        yield
    finally:
        lock.release()


def _words() -> str:
    """This process in words."""
    jobs = [f", {what} {os.environ[name]}" for name, what in JOBS.items() if os.environ.get(name)]
    return f"process {os.getpid()} on {socket.gethostname()}{jobs[0] if jobs else ''}"


def _holder(folder: Path) -> str:
    """The process that locked the folder last, in parentheses; empty if the file does not say."""
    try:
        said = (folder / FILE).read_text(encoding="utf-8", errors="replace")[:LONGEST].strip()
    except OSError:
        return ""
    return f" ({printable(said)})" if said else ""
