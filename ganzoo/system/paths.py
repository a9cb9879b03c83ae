"""What a path means that somebody typed. Every path comes through here, so that one file has one name."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path


def typed(path: str | PathLike[str]) -> Path:
    """The path with the home folder for `~`, as a shell writes it; a `~NAME` of nobody stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def absolute(path: str | PathLike[str]) -> Path:
    """The path from the root, so that it holds in any folder: what is kept in a file, or compared with another.

    A link stays a link. `..` is followed as the system does it, which may lead through links.
    """
    full = typed(path).absolute()
    if ".." not in full.parts:
        return full
    try:
        return full.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no possible name
        return full


def moved_along(path: Path, old: Path, new: Path) -> Path:
    """Where `path` lies if it was moved together with the folder `old`, which is `new` now."""
    return Path(os.path.normpath(new / os.path.relpath(path, old)))
