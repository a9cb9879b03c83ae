"""An archive whose image number n is filled with n: what a store holds can be told from its pixels."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece, digest
from ganzoo.settings import Settings
from ganzoo.task import GazeTask

ROWS = 3  # of each piece


class CountedConfig(Settings):
    pieces: int = Field(4, ge=0, description="How many.")
    broken: int = Field(-1, description="The piece that cannot be read.")
    killed: int = Field(-1, description="The piece at which the process dies.")
    empty: tuple[int, ...] = Field((), description="Pieces without a usable image.")
    seconds: float = Field(0.0, description="How long a piece takes.")


class Counted(Archive):
    name = "counted"
    summary = "Images of one grey level each"
    homepage = "https://example.org/counted"
    license = "none"
    citation = "nobody"
    size = "nothing"
    expects = "PATH (any folder)"
    domain = "either"
    conventions: ClassVar[Mapping[str, str]] = {"pitch": "radians", "yaw": "radians"}
    Config = CountedConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, 2, 4

    def pieces(self) -> Sequence[str]:
        return [f"piece {number}" for number in range(self.config.pieces)]

    def read(self, piece: str) -> Piece:
        number = int(piece.split()[1])
        time.sleep(self.config.seconds)
        if number == self.config.broken:
            raise DatasetError(f"{piece} is broken")
        if number == self.config.killed:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.config.empty:
            return Piece(np.empty((0, *self.image_shape), np.uint8), {}, [f"{piece}: nothing to see"])
        numbers = np.arange(number * ROWS, (number + 1) * ROWS)
        images = np.tile(numbers.astype(np.uint8)[:, None, None, None], (1, *self.image_shape))
        columns = columns_of(numbers)
        return Piece(images, columns, [f"{piece} row {ROWS}: too dark"], {piece: digest(piece.encode())})

    def recipe(self) -> Mapping[str, Any]:
        return {"images": "made"}


def columns_of(numbers: np.ndarray) -> dict[str, np.ndarray]:
    angles = numbers / 100.0
    return {
        "pitch": angles.astype(np.float32),
        "yaw": (-angles).astype(np.float32),
        "landmarks": np.stack([numbers, numbers + 1], 1).astype(np.float32),
        "person": np.array([f"p{number // 6}" for number in numbers]),
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
