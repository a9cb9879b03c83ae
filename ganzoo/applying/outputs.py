"""The outputs of a capability: images, an npz, numbers or a table of labels. Each is complete or absent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ganzoo.applying.rows import ImageRows
from ganzoo.batch import Column
from ganzoo.files.collection import ImageArchive, in_parallel
from ganzoo.files.image_file import encode_image
from ganzoo.files.output import OutputFile, OutputFolder, write_npz
from ganzoo.files.table import table_bytes


class Sink(ABC):
    """Receives the results batch by batch."""

    def has(self, part: slice) -> bool:
        """Whether these rows exist already, from an interrupted attempt."""
        return False

    @abstractmethod
    def write(self, part: slice, made: np.ndarray) -> None: ...

    def finish(self) -> None:  # noqa: B027 (most have nothing left to do)
        """All rows were written."""


class ImageFiles(Sink):
    """One image file for each row. An incomplete batch is computed again as a whole, so that an
    interruption changes no bit."""

    def __init__(self, target: OutputFolder, names: Sequence[str]) -> None:
        self.target, self.names = target, names

    def has(self, part: slice) -> bool:
        return all((self.target.path / name).exists() for name in self.names[part])

    def write(self, part: slice, made: np.ndarray) -> None:
        def write(name_and_image: tuple[str, np.ndarray]) -> None:
            name, image = name_and_image
            self.target.write(name, encode_image(image.transpose(1, 2, 0), name))

        list(in_parallel(write, list(zip(self.names[part], as_pixels(made), strict=True))))


class ArchiveFile(Sink):
    """An npz like that of the input, with another array `image`; its other arrays stay if `keeps_others`."""

    def __init__(self, target: OutputFolder, rows: ImageRows, column: Column, *, keeps_others: bool) -> None:
        assert isinstance(rows.images, ImageArchive)
        self.target, self.rows, self.images = target, rows, rows.images
        self.others = [key for key in self.images.headers if key != "image"] if keeps_others else []
        same = (
            rows.pixels.shape[1:] == column.shape
        )  # then no second array is needed: a batch is read before it is overwritten
        self.pixels = rows.pixels if same else np.empty((len(rows), *column.shape), np.uint8)

    def write(self, part: slice, made: np.ndarray) -> None:
        self.pixels[part] = as_pixels(made)

    def finish(self) -> None:
        arrays = {key: self.images.array(key) for key in self.others}
        flat = len(self.images.headers["image"][0]) == 3 and self.pixels.shape[1] == 1
        arrays["image"] = self.pixels[:, 0] if flat else self.pixels.transpose(0, 2, 3, 1)
        with self.target.replacing(self.images.path.name) as aside:
            write_npz(aside, arrays)


class _Collected(Sink):
    """Numbers, which are small enough for memory."""

    def __init__(self, names: Sequence[str], column: Column) -> None:
        self.names = names
        self.values = np.empty((len(names), *column.shape), np.float32)

    def write(self, part: slice, made: np.ndarray) -> None:
        self.values[part] = made


class NumberFiles(_Collected):
    """Codes or vectors: an npz with one array, and a csv file if a row is a list of numbers."""

    def __init__(self, target: OutputFolder, names: Sequence[str], column: Column, word: str) -> None:
        super().__init__(names, column)
        self.target, self.word = target, word  # "codes" or "samples"

    def finish(self) -> None:
        with self.target.replacing(f"{self.word}.npz") as aside:
            write_npz(aside, {self.word: self.values})
        if self.values.ndim == 2:
            header = [f"{self.word.removesuffix('s')}_{at + 1}" for at in range(self.values.shape[1])]
            self.target.write(f"{self.word}.csv", table_bytes(header, self.names, self.values))


class LabelFile(_Collected):
    """A csv file of labels, in the columns that ganzoo reads."""

    def __init__(self, target: OutputFile, names: Sequence[str], column: Column, header: Sequence[str]) -> None:
        super().__init__(names, column)
        self.target, self.header = target, header

    def finish(self) -> None:
        self.target.content = table_bytes(self.header, self.names, self.values)


def as_pixels(made: np.ndarray) -> np.ndarray:
    """Rows of images or masks as uint8 [N, C, H, W]."""
    return made if made.dtype == np.uint8 else made.astype(np.uint8) * 255
