"""Files that are complete or absent: written under another name, then renamed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 255  # bytes of a name, on most file systems


def beside(path: Path, ending: str = ".partial") -> Path:
    """The temporary path for `path`: the name with another ending, shortened if it would be too long."""
    name = path.name + ending
    if len(os.fsencode(name)) > LONGEST:
        name = hashlib.blake2b(os.fsencode(path.name), digest_size=16).hexdigest() + ending
    return path.with_name(name)


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """A temporary file, which becomes `path` if the body succeeds, and is deleted if it raises.

    Several processes may write a `shared` path at once: each has its own file, and the last one wins.
    """
    aside = beside(path, f".{os.getpid()}-{time.time_ns()}.partial" if shared else ".partial")
    try:
        yield aside
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file and wait until it is on the disk."""
    with replacing(path) as aside, aside.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
