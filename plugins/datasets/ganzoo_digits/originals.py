"""MNIST, USPS and SVHN, read by torchvision from the original files, or from an npz.

torchvision is imported where it is used: it takes as long as torch, and this module is imported by every command.
"""

from __future__ import annotations

import bz2
import gzip
import tempfile
import zipfile
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Download, Piece, digest
from ganzoo.files.guard import check_plain, reading
from ganzoo.files.npz import array_headers, read_array
from ganzoo.settings import Settings
from ganzoo.task import ClassTask

SPLITS = ("train", "test")
BLOCK = 5_000  # images in a piece
MOST_UNPACKED = 2**28  # bytes; the largest of them has a fifth of this
NPZ = tuple(f"{what}_{split}" for split in SPLITS for what in "xy")


class NoSettings(Settings):
    """No settings."""


class Digits(Archive):
    """Ten classes, in a training and a test part."""

    domain = "either"
    conventions: ClassVar[Mapping[str, str]] = {
        "class": "the digit, 0 to 9",
        "split": "train or test, as the authors have it",
        "file": "part and row in it",
    }
    Config: ClassVar[type[Settings]] = NoSettings
    files: ClassVar[Sequence[str]]  # files with checksums, if they exist

    @property
    def task(self) -> ClassTask:
        return ClassTask(10)

    def pieces(self) -> Sequence[str]:
        counts = {split: len(self.part(split)[1]) for split in SPLITS}
        return [f"{split}:{start}" for split, count in counts.items() for start in range(0, count, BLOCK)]

    def read(self, piece: str) -> Piece:
        split, start = piece.split(":")
        rows = slice(int(start), int(start) + BLOCK)
        images, labels = self.part(split)
        inputs = self.inputs() if piece == "train:0" else {}
        return Piece(images[rows], columns(labels[rows], split, int(start)), (), inputs)

    def recipe(self) -> Mapping[str, Any]:
        return {"images": "as they are"}

    def inputs(self) -> dict[str, str]:
        """The existing files, with their checksums."""
        if self.path.is_file():
            return {self.path.name: digest(self.path.read_bytes())}
        names = [name for file in self.files for name in (file, file.removesuffix(".gz"))]
        found = [path for name in dict.fromkeys(names) if (path := self.path / name).is_file()]
        return {str(path.relative_to(self.path)): digest(path.read_bytes()) for path in found}

    def part(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 [N, C, H, W] and digits int64 [N] of the training or test part."""
        return _part(type(self), self.path, split)

    @classmethod
    @abstractmethod
    def opened(cls, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The same from the authors' files in a folder. Raises what torchvision raises."""


@lru_cache(4)
def _part(archive: type[Digits], path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    if path.is_file():
        images, labels = _from_npz(path, split)
    elif path.is_dir():
        wanted = f"folder with {archive.name} as torchvision lays it out ({', '.join(archive.files)})"
        with reading(path, wanted):
            images, labels = archive.opened(path, split)
    else:
        raise DatasetError(f"--from {path} does not exist; it must be {archive.expects}")
    if images.ndim == 3:
        images = images[:, None]
    labels = labels.astype(np.int64)
    if images.dtype != np.uint8 or len(images) != len(labels) or not ((labels >= 0) & (labels < 10)).all():
        raise DatasetError(f"{path}: {split} images must be uint8, with one digit of 0 to 9 each")
    return images, labels


def _from_npz(file: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    if not zipfile.is_zipfile(file):
        raise DatasetError(f"--from {file} must be a folder, or an npz with {', '.join(NPZ)}")
    headers = array_headers(file)
    if missing := [key for key in NPZ if key not in headers]:
        raise DatasetError(f"--from {file} has no {', '.join(missing)}, only {', '.join(headers)}")
    return read_array(file, f"x_{split}", headers), read_array(file, f"y_{split}", headers)


def columns(labels: np.ndarray, split: str, start: int) -> dict[str, np.ndarray]:
    """The columns of a block of digits."""
    count = len(labels)
    rows = [f"{split} row {start + row}" for row in range(count)]
    return {"class": labels.astype(np.int32), "split": np.full(count, split), "file": np.array(rows)}


_MNIST_RAW = "MNIST/raw"
_MNIST_BYTES = {"train-images-idx3-ubyte.gz": 9_912_422, "train-labels-idx1-ubyte.gz": 28_881,
                "t10k-images-idx3-ubyte.gz": 1_648_877, "t10k-labels-idx1-ubyte.gz": 4_542}  # fmt: skip


class MNIST(Digits):
    name = "mnist"
    summary = "MNIST: handwritten digits, 60,000 + 10,000, grey 28x28"
    homepage = "https://yann.lecun.com/exdb/mnist/"
    license = "CC BY-SA 3.0"
    citation = "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998"
    size = "12 MB"
    expects = "PATH (the folder with MNIST/raw/*-ubyte[.gz], or an npz with x_train, y_train, x_test, y_test)"
    files = tuple(f"{_MNIST_RAW}/{name}" for name in _MNIST_BYTES)

    @classmethod
    def downloads(cls) -> Sequence[Download]:
        from torchvision.datasets import MNIST

        return [
            Download(MNIST.mirrors[0] + name, f"{_MNIST_RAW}/{name}", md5, _MNIST_BYTES[name])
            for name, md5 in MNIST.resources
        ]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, 28, 28

    @classmethod
    def opened(cls, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
        prefix = "t10k" if split == "test" else "train"
        images, labels = (
            _idx(folder / _MNIST_RAW / f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")
        )
        return images, labels


class _Bounded:
    """A packed file, unpacked; an error if it holds far more than the data set has."""

    def __init__(self, content: BinaryIO | gzip.GzipFile | bz2.BZ2File, file: Path) -> None:
        check_plain(file)
        self.content, self.file, self.left = content, file, MOST_UNPACKED

    def read(self, size: int = -1, /) -> bytes:
        block = self.content.read(size)
        self.left -= len(block)
        if self.left < 0:
            raise DatasetError(f"{self.file} holds more than {MOST_UNPACKED >> 20} MiB; it is not the published file")
        return block


def _idx(file: Path) -> np.ndarray:
    """One of MNIST's files, packed or not. torchvision reads it; it would unpack it into the user's folder."""
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor

    packed = file.with_name(file.name + ".gz")
    if file.is_file() or not packed.is_file():
        return np.asarray(read_sn3_pascalvincent_tensor(str(file)))
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / file.name
        with gzip.open(packed) as content, unpacked.open("wb") as out:
            bounded = _Bounded(content, packed)
            while block := bounded.read(2**20):
                out.write(block)
        return np.asarray(read_sn3_pascalvincent_tensor(str(unpacked)))


class USPS(Digits):
    name = "usps"
    summary = "USPS: digits from envelopes, 7,291 + 2,007, grey 16x16"
    homepage = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps"
    license = "not stated by its authors"
    citation = "Hull: A database for handwritten text recognition research, 1994"
    size = "8 MB"
    expects = "PATH (the folder with usps.bz2 and usps.t.bz2, or an npz with x_train, y_train, x_test, y_test)"
    files = ("usps.bz2", "usps.t.bz2")

    @classmethod
    def downloads(cls) -> Sequence[Download]:
        from torchvision.datasets import USPS

        sizes = (6_579_383, 1_831_726)
        return [
            Download(url, name, md5, size)
            for (url, name, md5), size in zip(USPS.split_list.values(), sizes, strict=True)
        ]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, 16, 16

    @classmethod
    def opened(cls, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
        packed = folder / ("usps.bz2" if split == "train" else "usps.t.bz2")
        with bz2.open(packed) as content:
            bounded = _Bounded(content, packed)
            while bounded.read(2**20):
                pass
        from torchvision.datasets import USPS

        found = USPS(str(folder), train=split == "train")
        return np.asarray(found.data), np.asarray(found.targets)


class SVHN(Digits):
    name = "svhn"
    summary = "SVHN: house numbers from street pictures, 73,257 + 26,032, RGB 32x32"
    homepage = "http://ufldl.stanford.edu/housenumbers/"
    license = "non-commercial use only"
    citation = "Netzer et al.: Reading digits in natural images with unsupervised feature learning, 2011"
    size = "246 MB"
    expects = "PATH (the folder with train_32x32.mat and test_32x32.mat)"
    files = ("train_32x32.mat", "test_32x32.mat")

    @classmethod
    def downloads(cls) -> Sequence[Download]:
        from torchvision.datasets import SVHN

        sizes = {"train": 182_040_794, "test": 64_275_384}
        return [Download(*SVHN.split_list[split], size) for split, size in sizes.items()]  # type: ignore[call-arg]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 3, 32, 32

    @classmethod
    def opened(cls, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
        from torchvision.datasets import SVHN

        try:
            found = SVHN(str(folder), split=split)
        except RuntimeError as error:
            raise DatasetError(
                f"{folder} must hold {split}_32x32.mat as published, whose checksum is known; "
                "ganzoo data download svhn fetches it"
            ) from error
        return found.data, found.labels
