"""MNIST-M (Ganin et al. 2016, section 5.2.4): MNIST digits over photographs, identical on every machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece, digest
from ganzoo.files.image_file import read_image
from ganzoo.files.store import Store, data_folder, is_store
from ganzoo.settings import Settings
from ganzoo.task import ClassTask
from ganzoo_digits.originals import BLOCK, Digits, columns

SIZE = 28  # px


class MNISTMConfig(Settings):
    mnist: Path | None = Field(None, description="The prepared store of MNIST.  [default: the one named mnist]")
    seed: int = Field(0, ge=0, description="Seed of the photograph and patch behind each digit.")


class MNISTM(Archive):
    """Each image is |patch - digit|, channel by channel, of a random patch of a random photograph.

    The paper's own files were drawn with other random numbers; the recipe is the same.
    """

    name = "mnistm"
    summary = "MNIST-M: MNIST digits over colour photographs, 60,000 + 10,000, RGB 28x28, made here"
    homepage = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html"
    license = "that of MNIST, and of BSDS500: non-commercial research"
    citation = "Ganin et al.: Domain-adversarial training of neural networks, JMLR 2016"
    size = "71 MB, BSDS500"
    expects = "PATH (the folder with the 200 training photographs of BSDS500: BSR/BSDS500/data/images/train)"
    domain = "either"
    conventions: ClassVar[Mapping[str, str]] = Digits.conventions
    Config = MNISTMConfig

    @property
    def task(self) -> ClassTask:
        return ClassTask(10)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 3, SIZE, SIZE

    def pieces(self) -> Sequence[str]:
        photographs(self.path)
        return [str(start) for start in range(0, len(_mnist(self._store)[0]), BLOCK)]

    def read(self, piece: str) -> Piece:
        start = int(piece)
        images, labels, split = (column[start : start + BLOCK] for column in _mnist(self._store))
        made = np.stack([self._blended(image[0], start + row) for row, image in enumerate(images)])
        facts = [columns(labels[row : row + 1], str(split[row]), start + row) for row in range(len(labels))]
        joined = {key: np.concatenate([fact[key] for fact in facts]) for key in facts[0]}
        joined["file"] = np.array([f"mnist row {start + row}" for row in range(len(labels))])
        return Piece(made, joined, (), self._inputs() if start == 0 else {})

    def recipe(self) -> Mapping[str, Any]:
        store = Store(self._store)
        return {
            "images": "absolute difference of a random patch of a random photograph and the digit, channel by channel",
            "seed": self.config.seed,
            "photographs": len(photographs(self.path)),
            "mnist": dict(store.card["checksums"]),
        }

    @property
    def _store(self) -> Path:
        path = self.config.mnist or data_folder() / "mnist"
        if not is_store(path):
            raise DatasetError(f"mnistm needs the store mnist, which is not at {path}: ganzoo data prepare mnist first")
        return Path(path)

    def _blended(self, digit: np.ndarray, row: int) -> np.ndarray:
        """uint8 [3, 28, 28]; a function of only the seed and the row."""
        random = np.random.Generator(np.random.Philox(key=[self.config.seed, row]))
        photograph = photographs(self.path)[random.integers(len(photographs(self.path)))]
        top, left = (random.integers(side - SIZE + 1) for side in photograph.shape[:2])
        patch = photograph[top : top + SIZE, left : left + SIZE].transpose(2, 0, 1).astype(np.int16)
        return np.abs(patch - digit.astype(np.int16)).astype(np.uint8)

    def _inputs(self) -> dict[str, str]:
        return {path.name: digest(path.read_bytes()) for path in _files(self.path)}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetError(f"--from {folder} does not exist; it must be {MNISTM.expects}")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))


@lru_cache(1)
def photographs(folder: Path) -> list[np.ndarray]:
    """All photographs, uint8 [H, W, 3], in the order of their names."""
    found = [(file, read_image(file)) for file in _files(folder)]
    if not found:
        raise DatasetError(f"--from {folder} holds no photographs; it must be {MNISTM.expects}")
    for file, image in found:
        if image.shape[2] != 3 or min(image.shape[:2]) < SIZE:
            raise DatasetError(f"{file} must be a colour photograph of {SIZE} x {SIZE} pixels at least")
    return [image for _, image in found]


@lru_cache(1)
def _mnist(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    store = Store(path)
    if store.spec.image_shape != (1, SIZE, SIZE):
        raise DatasetError(f"--mnist {path} must be a store of MNIST, with images of 1 x {SIZE} x {SIZE}")
    return store.images, store.column("class"), store.column("split")
