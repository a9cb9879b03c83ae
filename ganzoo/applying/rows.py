"""The rows of one input of a capability, read batch by batch from a user's files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from ganzoo.files.collection import ImageArchive, ImageCollection, ImageFolder, in_parallel
from ganzoo.files.fit import Fit
from ganzoo.files.guard import reading
from ganzoo.files.image_file import read_image

WHITE = 128  # a mask is 1 from this grey level


class InputRows(ABC):
    """The rows of one input."""

    path: Path

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, part: slice) -> np.ndarray:
        """Some of the rows: images uint8 [N, C, H, W], masks bool, everything else float32."""

    def look(self, part: slice) -> Mapping[str, str]:
        """Read some of the rows from disk. Returns the sha256 of each file that belongs only to them."""
        return {}

    @abstractmethod
    def fingerprint(self) -> str:
        """Identifies this input."""

    def digests(self) -> Mapping[str, str]:
        """The sha256 of each file that all rows share."""
        return {self.path.name: self.fingerprint()}


class NumberRows(InputRows):
    """Rows that are in memory: labels, codes, vectors, masks of an npz."""

    def __init__(self, path: Path, values: np.ndarray) -> None:
        self.path, self.values = path, values

    def __len__(self) -> int:
        return len(self.values)

    def read(self, part: slice) -> np.ndarray:
        return self.values[part]

    def fingerprint(self) -> str:
        return file_sha256(self.path)


class ImageRows(InputRows):
    """Images of a folder, an npz or a store, resized to the size of the run by a named rule.

    `names` chooses the images of a folder and their order.
    """

    def __init__(self, images: ImageCollection, fit: Fit, names: Sequence[str] | None = None) -> None:
        self.images, self.fit, self.path = images, fit, images.path
        self.names = list(images.names if names is None else names)
        self._seen: tuple[slice, list[bytes]] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def note(self) -> str:
        """The conversion of size and channels, as text."""
        return self.fit.note(self.images.shapes)

    def read(self, part: slice) -> np.ndarray:
        if isinstance(self.images, ImageArchive):
            return self.pixels[part]
        if not isinstance(self.images, ImageFolder):
            return np.array(self.images.read(range(*part.indices(len(self))), self.fit))
        files = [self.path / name for name in self.names[part]]
        pairs = list(zip(files, self._contents(part), strict=True))
        return np.stack(list(in_parallel(self._fitted, pairs)))

    def look(self, part: slice) -> Mapping[str, str]:
        if not isinstance(self.images, ImageFolder):
            return {}
        return dict(zip(self.names[part], map(sha256, self._contents(part)), strict=True))

    @cached_property
    def pixels(self) -> np.ndarray:
        """All images of an npz, which is read at once."""
        return self.images.read(range(len(self)), self.fit)

    def fingerprint(self) -> str:
        """For an npz its hash, for a store those of its card, for a folder that of names, sizes and change times."""
        if isinstance(self.images, ImageArchive):
            return file_sha256(self.path)
        if not isinstance(self.images, ImageFolder):
            return file_sha256(self.path / "card.json")
        states = [(name, (self.path / name).stat()) for name in self.names]
        return sha256(repr([(name, state.st_size, state.st_mtime_ns) for name, state in states]).encode())

    def digests(self) -> Mapping[str, str]:
        if isinstance(self.images, ImageFolder):
            return {}
        return {self.path.name: self.fingerprint()}

    def _contents(self, part: slice) -> list[bytes]:
        """The files of some of the images; the last ones are kept, so that no file is read twice."""
        if self._seen is None or self._seen[0] != part:
            self._seen = part, list(in_parallel(content, [self.path / name for name in self.names[part]]))
        return self._seen[1]

    def _fitted(self, file_and_content: tuple[Path, bytes]) -> np.ndarray:
        return self.fit(read_image(*file_and_content)).transpose(2, 0, 1)


class MaskRows(ImageRows):
    """Masks that are images: 1 where they are bright."""

    def read(self, part: slice) -> np.ndarray:
        return super().read(part) >= WHITE


def content(file: Path) -> bytes:
    with reading(file, "file"):
        return file.read_bytes()


def file_sha256(file: Path) -> str:
    with reading(file, "file"), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
