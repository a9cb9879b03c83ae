"""What every reader of this plugin shares: rows of a piece, skipped files with their reasons, and the raw folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Piece, digest
from ganzoo.files.guard import check_inside, check_plain, reading

PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass
class SampleRows:
    """The rows of one piece, while it is read from `root`."""

    root: Path
    image_shape: tuple[int, int, int]
    images: list[np.ndarray] = field(default_factory=list)  # uint8 [C, H, W] each
    columns: dict[str, list[Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)

    def add(self, image: np.ndarray, columns: Mapping[str, Any]) -> None:
        self.images.append(image)
        for name, value in columns.items():
            self.columns.setdefault(name, []).append(value)

    def content(self, name: str, most: int) -> bytes:
        """A file below the root, which becomes an input. Raises DatasetError if it is not a plain file."""
        path = self.root / name
        check_inside(path, self.root)
        check_plain(path)
        with reading(path, "file"):
            if path.stat().st_size > most:
                raise DatasetError(f"{path} is larger than {most >> 20} MiB")
            data = path.read_bytes()
        self.inputs[name] = digest(data)
        return data

    def note(self, name: str) -> None:
        """A file that is read in part only becomes an input."""
        with reading(self.root / name, "file"), (self.root / name).open("rb") as file:
            found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        self.inputs[name] = f"blake2b-16:{found}"

    @contextmanager
    def skipping(self, name: str) -> Iterator[None]:
        """Count an image that cannot be used, with the reason; continue with the next one."""
        try:
            with catch_warnings():
                filterwarnings("ignore", module=r"PIL\.")  # on damaged metadata and large images
                yield
        except DatasetError as error:
            path = str(self.root / name)
            self.skip(name, str(error).replace(path, "it").replace(str(self.root) + os.sep, ""))

    def skip(self, name: str, why: str) -> None:
        self.skipped.append(f"{name}: {why}")

    def piece(self) -> Piece:
        images = np.stack(self.images) if self.images else np.empty((0, *self.image_shape), np.uint8)
        columns = {name: np.array(values) for name, values in self.columns.items()}
        return Piece(images, columns, self.skipped, self.inputs)


def check_folder(path: Path, expects: str) -> None:
    """Raise DatasetError, with what is expected, if --from is not a folder."""
    if path.is_file() and path.suffix.lower() in PACKED:
        raise DatasetError(f"--from {path} is packed: unpack it first, then give the folder; it must be {expects}")
    if path.is_file():
        raise DatasetError(f"--from {path} is a file; it must be {expects}")
    if not path.is_dir():
        raise DatasetError(f"--from {path} does not exist; it must be {expects}")


def names_in(folder: Path, root: Path) -> list[str]:
    """Sorted names in a folder below the root, without hidden ones."""
    check_inside(folder, root)
    with reading(folder, "folder"), os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if not entry.name.startswith("."))
