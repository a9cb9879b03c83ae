"""Output that is complete or absent: files written atomically, and a folder that records which job fills it."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np

from ganzoo.errors import GanzooError, UsageError
from ganzoo.files import strict_json
from ganzoo.system.atomic import replacing

MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished.json"  # the job that fills the folder; hidden, so that no image or label has its name


class OutputFolder:
    """A folder that one job fills. `identity`, a mapping that JSON can hold, distinguishes the job from others."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self.identity = json.loads(json.dumps(identity))

    def claim(self, space: int) -> Literal["new", "resumed", "complete"]:
        """Claim the folder for this job, which may have started or finished before; a new one needs `space` bytes.

        Raises UsageError if it holds anything else, GanzooError if it cannot be written or the disk is full.
        """
        if (self.path / MANIFEST).exists():
            _check_same(self.path, self.path / MANIFEST, self.identity)
            (self.path / _UNFINISHED).unlink(missing_ok=True)  # a kill right after the manifest leaves it
            return "complete"
        if (self.path / _UNFINISHED).exists():
            _check_same(self.path, self.path / _UNFINISHED, self.identity)
            return "resumed"
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"--output {self.path} is a file; give a folder")
        with writing(self.path):
            if self.path.exists() and {file.name for file in self.path.iterdir()} - {_UNFINISHED + ".partial"}:
                raise UsageError(f"--output {self.path} is not empty; give a new or empty folder")
            _check_space(self.path, space)
            self.path.mkdir(parents=True, exist_ok=True)
        self.write(_UNFINISHED, _as_json(self.identity))
        return "new"

    def write(self, name: str, content: bytes) -> None:
        """Write one file of the folder atomically."""
        with self.replacing(name) as aside:
            aside.write_bytes(content)

    def replacing(self, name: str) -> AbstractContextManager[Path]:
        """A temporary path, which becomes the folder's file `name` if the body succeeds."""
        return _replacing(self.path / name)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest: the identity and `facts`. From now on the folder is complete."""
        self.write(MANIFEST, _as_json({**self.identity, **facts}))
        (self.path / _UNFINISHED).unlink(missing_ok=True)


class OutputFile:
    """One csv file that one job writes, complete or absent. Its manifest is NAME.json in the same folder."""

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path, self.manifest = path, path.with_name(path.name + ".json")
        self.identity = json.loads(json.dumps(identity))
        self.content = b""  # to be filled before `finish`

    def claim(self, space: int) -> Literal["new", "complete"]:
        """Whether this job has written the file before; a new one needs `space` bytes.

        Raises UsageError if another file exists, GanzooError if it cannot be written or the disk is full.
        """
        if self.path.is_dir() or self.path.suffix.lower() != ".csv":
            raise UsageError(f"--output {self.path} must be a csv file, such as {_csv_instead_of(self.path)}")
        if os.path.lexists(self.manifest):
            _check_same(self.path, self.manifest, self.identity)
            if self.path.exists():
                return "complete"
        if os.path.lexists(self.path):
            raise UsageError(f"--output {self.path} exists; delete it, or give another file")
        with writing(self.path):
            _check_space(self.path, space)
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return "new"

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest and then the file: after a kill between both, the manifest identifies the job."""
        for path, content in ((self.manifest, _as_json({**self.identity, **facts})), (self.path, self.content)):
            with _replacing(path) as aside:
                aside.write_bytes(content)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary path, which becomes `path` if the body succeeds. Raises GanzooError if it cannot be written."""
    with writing(path), replacing(path) as aside:
        yield aside


def _csv_instead_of(path: Path) -> Path:
    return path / "labels.csv" if path.is_dir() else path.with_suffix(".csv")


def _check_space(path: Path, space: int) -> None:
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < space:
        raise GanzooError(f"--output {path} needs about {space / 2**20:,.0f} MiB; {free / 2**20:,.0f} MiB are free")


def _check_same(output: Path, file: Path, identity: Mapping[str, Any]) -> None:
    """Raise UsageError unless `file` was written by the job that has this identity."""
    try:
        found = strict_json.parse(file.read_bytes())
        differing = [key for key, value in identity.items() if found[key] != value]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"--output {output}: there is a {file.name} of another job; give another path") from None
    if differing:
        raise UsageError(
            f"--output {output} holds the output of another job (different: {', '.join(differing)}); give another path"
        )


def write_npz(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """A compressed npz. Unlike numpy's own writer it takes any array name, and never pickles."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)


def check_writable(folder: Path) -> None:
    """Raise GanzooError, before any work, if `folder` cannot be created or written to."""
    with writing(folder):
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        with TemporaryFile(dir=there):  # permissions alone do not reveal a read-only mount
            pass


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a GanzooError that names the path."""
    try:
        yield
    except OSError as error:
        raise GanzooError(f"{path} cannot be written: {error.strerror or error}") from error


def _as_json(document: Mapping[str, Any]) -> bytes:
    # a file name in another encoding becomes \udcXX, which is how JSON writes it
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
