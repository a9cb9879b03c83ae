"""The contract of an archive: the files of a published data set, as its authors publish them, and how to read them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ganzoo.settings import Settings
from ganzoo.task import Task


def digest(content: bytes) -> str:
    """The checksum of a file's content, as cards have it."""
    return "blake2b-16:" + hashlib.blake2b(content, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Download:
    """One file that may be fetched for the user, and how to verify that it is complete."""

    url: str
    file: str  # its path below the folder that `Archive` reads
    md5: str
    bytes: int


@dataclass(frozen=True)
class Piece:
    """What one piece of an archive holds, row by row."""

    images: np.ndarray  # uint8 [N, C, H, W]
    columns: Mapping[str, np.ndarray]  # [N] or [N, k]; names as in `ganzoo.files.store`
    skipped: Sequence[str] = ()  # "file: why", for each image left out
    inputs: Mapping[str, str] = field(default_factory=dict)  # file -> `digest` of its content; each in one piece only


class Archive(ABC):
    """Reads raw files piece by piece, so that memory does not grow with the archive.

    An object is pickled to the processes that read. Raises DatasetError, saying what was expected where, for a folder
    that is not such an archive.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    homepage: ClassVar[str]
    license: ClassVar[str]
    citation: ClassVar[str]
    size: ClassVar[str]  # of what must be fetched, in words
    expects: ClassVar[str]  # what --from must name, in words
    domain: ClassVar[Literal["source", "target", "either"]]  # its role in a pair
    conventions: ClassVar[Mapping[str, str]]  # column -> meaning, unit and sign
    Config: ClassVar[type[Settings]]

    def __init__(self, config: Any, path: Path) -> None:
        self.config, self.path = config, path

    @classmethod
    def downloads(cls) -> Sequence[Download]:
        """The files to fetch, if the licence permits it; empty: the user must get them."""
        return ()

    @property
    @abstractmethod
    def task(self) -> Task:
        """What the labels mean."""

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of all images of the store."""

    @abstractmethod
    def pieces(self) -> Sequence[str]:
        """Names of the pieces, in an order that is always the same. Must be cheap: nothing is decoded."""

    @abstractmethod
    def read(self, piece: str) -> Piece:
        """One piece. An image that cannot be used is skipped with its reason; other errors raise DatasetError."""

    @abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """What is done to the images and labels: crop, resize, conversion."""
