"""Shared by all readers of untrusted files: one message for each kind of damage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ganzoo.errors import DatasetError, GanzooError


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Turn any exception of a decoder on a broken file into a DatasetError that names the file.

    Decoders of images, archives and json raise nearly any exception on damaged input, so all are caught;
    keep the body to the decoder's own calls.
    """
    try:
        yield
    except GanzooError:
        raise
    except PermissionError as error:
        raise DatasetError(f"{path} cannot be read: permission denied") from error
    except MemoryError as error:
        raise DatasetError(f"{path} does not fit in memory; give a part of it, such as {path}[0:1000]") from error
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].replace(str(path), "it")
        if is_empty(path):
            reason = "it is empty (0 bytes)"
        raise DatasetError(f"{path} is not a readable {kind}: {reason}") from error


def is_empty(path: Path) -> bool:
    """Whether a path is a regular file of 0 bytes, such as a failed copy leaves."""
    try:
        return path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError):
        return False


def check_inside(path: Path, root: Path) -> None:
    """Raise DatasetError for a link that leads out of the folder: its content is not part of the data set."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise DatasetError("it is a link that leads out of the folder")


def check_plain(path: Path) -> None:
    """Raise DatasetError for a pipe or a device, which might never end. A missing file is left to the reader."""
    with reading(path, "file"):
        odd = path.exists() and not path.is_file()
    if odd:
        raise DatasetError(f"{path} is not a readable file: it is not a regular file")


def check_memory(size: int, what: str) -> None:
    """Raise DatasetError if `size` bytes exceed this machine's memory. Does nothing if that is unknown."""
    if not hasattr(os, "sysconf"):  # Windows
        return
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > machine:
        raise DatasetError(
            f"{what} takes {size / 2**30:,.1f} GiB of memory, but this machine has {machine / 2**30:,.1f} GiB; "
            "give a part of it, or a smaller size"
        )


def some(names: Sequence[object], most: int = 3) -> str:
    """A few names and the count of the others, for an error message."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
