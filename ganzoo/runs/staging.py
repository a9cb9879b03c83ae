"""Copies of a cell's data on a disk of the machine where it runs.

A copy is made once for all cells of a machine, compared with its original byte for byte by hashes, and complete or
absent. Its folder is named after the path, sizes and times of the original, so that changed data get another one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ganzoo.configuration.layers import path_settings
from ganzoo.errors import GanzooError
from ganzoo.files.collection import INNER
from ganzoo.files.location import Location
from ganzoo.settings import Settings
from ganzoo.system.atomic import replacing, write_text
from ganzoo.system.lock import locked

VARIABLE = "GANZOO_STAGE"  # the folder for copies, in which variables of the machine are still to be filled in
MANIFEST = "manifest.json"
CHUNK = 2**20  # bytes
SPARE = 2**28  # bytes of the disk that stay free
Files = dict[str, Path]  # by their names relative to the original
Facts = dict[str, tuple[int, int]]


def staged(config: Settings, say: Callable[[str], None]) -> Settings:
    """The settings of a dataset with each path replaced by that of its copy, if the variable GANZOO_STAGE asks for it.

    A path that cannot be copied stays as it is, and `say` is told why: a cell never fails because of its copies.
    """
    asked = os.environ.get(VARIABLE, "")
    changed = {}
    for name in path_settings(type(config)) if asked else ():
        path: Path | None = getattr(config, name)
        if path is not None:
            try:
                changed[name] = _staged(path, Path(os.path.expandvars(asked)), say)
            except (GanzooError, OSError) as error:
                say(f"{path} is read from where it is: {getattr(error, 'strerror', None) or error}")
    return config.model_copy(update=changed)


def originals(value: Any, config: Settings, read_from: Settings) -> Any:
    """A dataset's card with the paths of the settings `config` in place of those of the copies in `read_from`."""
    if isinstance(value, dict):
        return {key: originals(each, config, read_from) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [originals(each, config, read_from) for each in value]
    if isinstance(value, str):
        for name in path_settings(type(config)):
            copy, original = getattr(read_from, name), getattr(config, name)
            if copy is not None and value == str(copy):
                return str(original)
    return value


def _staged(path: Path, folder: Path, say: Callable[[str], None]) -> Path:
    """The path of the copy, with the slice or the pattern of the original. Raises GanzooError or OSError."""
    place = Location.parse(path).path
    inner = place.name == INNER and not place.exists()
    original = (place.parent if inner else place).resolve()
    if not original.exists():
        return path  # the dataset refuses it in its own words
    files = dict(_files(original))
    facts = _facts(files)
    key = hashlib.blake2b(json.dumps([str(original), facts]).encode(), digest_size=12).hexdigest()
    home = _own_folder(folder) / key
    home.mkdir(exist_ok=True)
    copy = home / original.name
    with locked(home, wait=True):  # of many cells that start together, one copies
        if not _is_intact(home, copy):
            size = sum(each for each, _ in facts.values())
            if shutil.disk_usage(home).free < size + SPARE:
                raise GanzooError(f"{folder} has no room for {size / 2**30:,.1f} GiB")
            say(f"copying {original} to {home}")
            _copy(files, facts, home, copy)
    return Path(str(path).replace(str(place.parent if inner else place), str(copy), 1))


def _files(original: Path) -> Iterator[tuple[str, Path]]:
    """Relative names and paths of all files, sorted. Raises GanzooError for a link, which a copy would hide."""
    if original.is_file():
        yield "", original
        return
    for file in sorted(original.rglob("*")):
        if file.is_symlink():
            raise GanzooError(f"it has the link {file}")
        if file.is_file() and file.name != ".lock":
            yield str(file.relative_to(original)), file


def _facts(files: Files) -> Facts:
    """Size and time of each file."""
    stats = {name: file.stat() for name, file in files.items()}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def _own_folder(folder: Path) -> Path:
    """A folder for copies that belongs to this user alone. Raises GanzooError if somebody else has made it."""
    if not folder.is_dir():
        raise GanzooError(f"stage: there is no folder {folder} on this machine")
    own = folder / f"ganzoo-{os.getuid() if hasattr(os, 'getuid') else 'data'}"
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or (hasattr(os, "getuid") and own.stat().st_uid != os.getuid()):
        raise GanzooError(f"{own} belongs to somebody else")
    return own


def _copy(files: Files, facts: Facts, home: Path, copy: Path) -> None:
    """Copy the files and compare. Raises GanzooError if a copy differs, or the original changed meanwhile."""
    _remove(copy)
    hashes = {}
    with replacing(copy) as aside:
        _remove(aside)
        try:
            for name, file in files.items():
                made = aside / name if name else aside
                made.parent.mkdir(parents=True, exist_ok=True)
                hashes[name] = _copied(file, made)
                if _hash(made) != hashes[name]:
                    raise GanzooError(f"the copy of {file} differs from it")
            if _facts(files) != facts:
                raise GanzooError("it changed while it was copied")
            write_text(home / MANIFEST, json.dumps(hashes) + "\n")
        except BaseException:
            _remove(aside)
            raise


def _is_intact(home: Path, copy: Path) -> bool:
    """Whether there is a copy, with exactly the files and bytes that were copied."""
    try:
        hashes = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        return bool(copy.exists() and {name: _hash(file) for name, file in _files(copy)} == hashes)
    except (OSError, ValueError, GanzooError):
        return False


def _copied(file: Path, copy: Path) -> str:
    """Copy a file, and hash what was read."""
    digest = hashlib.blake2b(digest_size=16)
    with file.open("rb") as stream, copy.open("wb") as made:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            made.write(chunk)
    return digest.hexdigest()


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
