"""Paths that a user typed. Every path passes through here, so that one file has one name."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path


def typed(path: str | PathLike[str]) -> Path:
    """The path with the home folder for `~`, as in a shell; an unknown `~NAME` stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def absolute(path: str | PathLike[str]) -> Path:
    """The absolute path, which is valid in any folder: to store it in a file, or to compare it.

    Links are kept. `..` is resolved like the system does it, which may follow links.
    """
    full = typed(path).absolute()
    if ".." not in full.parts:
        return full
    try:
        return full.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or an invalid name
        return full


def moved_along(path: Path, old: Path, new: Path) -> Path:
    """The new place of `path` if it was moved together with the folder `old`, which is `new` now."""
    return Path(os.path.normpath(new / os.path.relpath(path, old)))
