"""Your own images, as the dataset `pair` takes them, as a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece, digest
from ganzoo.files.collection import ImageArchive, ImageCollection, ImageFolder, open_images
from ganzoo.files.fit import Channels, Fit, Resizer, common_shape
from ganzoo.files.guard import check_inside
from ganzoo.files.label_files import json_files
from ganzoo.files.label_table import label_table
from ganzoo.files.labels import Columns
from ganzoo.files.store import is_store
from ganzoo.settings import Settings
from ganzoo.task import GazeTask, gaze_vector
from ganzoo_gaze_data.directions import GAZE

BLOCK = 512  # images in a piece; an npz is read at once


class FolderConfig(Settings):
    height: int = Field(0, ge=0, le=8192, description="Height of the stored images in px; 0: that of most images.")
    width: int = Field(0, ge=0, le=8192, description="Width of the stored images in px; 0: that of most images.")
    channels: Channels = Field("as-is", description="Convert all images to grey or rgb; as-is: they must agree.")
    resizer: Resizer = Field("none", description="How images of other sizes are resized; none: they must agree.")


class Folder(Archive):
    """Labels are those of `pair`, and as strict: an error in one row is refused, and nothing is skipped."""

    name = "folder"
    summary = "Your own images with gaze labels: a folder with labels.csv or json files, or an npz"
    homepage = ""
    license = "that of your images"
    citation = ""
    size = "that of your images"
    expects = (
        "PATH (a folder of images, with labels.csv, with a NAME.json per image or without labels; FOLDER/** with "
        "the folders inside it; or an npz)"
    )
    domain = "either"
    conventions: ClassVar[Mapping[str, str]] = {
        **GAZE,
        "pupil_x": "px of the stored image; 0 is the centre of the leftmost pixel",
        "pupil_y": "px of the stored image; 0 is the centre of the top pixel",
        "person": "as the labels name the person",
        "file": "the image in the folder, or the row of the npz",
    }
    Config = FolderConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self._fit.shape
        return channels, height, width

    def pieces(self) -> Sequence[str]:
        images = opened(self.path)
        self._fit.check(images.shapes, images.names, f"--from {self.path}")
        columns_of(self.path)  # raises if labels are impossible, before anything is written
        count = len(images.names)
        return [f"{at}-{min(at + BLOCK, count)}" for at in range(0, count, BLOCK)] if self._many else [f"0-{count}"]

    def read(self, piece: str) -> Piece:
        start, end = (int(edge) for edge in piece.split("-"))
        images, columns, rows = opened(self.path), columns_of(self.path), slice(start, end)
        made: dict[str, np.ndarray] = {}
        if columns.labels is not None:
            labels = columns.labels[rows]
            made["gaze"] = gaze_vector(torch.from_numpy(labels)).numpy()
            made["pitch"], made["yaw"] = labels.T.copy()
        if columns.people is not None:
            made["person"] = columns.people[rows]
        if columns.pupil_center is not None:
            points = self._fit.points(columns.pupil_center[rows], images.shapes[rows])
            made["pupil_x"], made["pupil_y"] = points.T.copy()
        made["file"] = np.array(images.names[rows])
        pixels = images.read(range(start, end), self._fit)
        return Piece(pixels, made, (), self._inputs(images.names[rows], start))

    def recipe(self) -> Mapping[str, Any]:
        return {"images": self._fit.note(opened(self.path).shapes)}

    @property
    def _many(self) -> bool:
        return isinstance(opened(self.path), ImageFolder)

    @property
    def _fit(self) -> Fit:
        config = self.config
        shape = common_shape(
            opened(self.path).shapes, f"--from {self.path}",
            height=config.height, width=config.width, resizer=config.resizer, channels=config.channels,
        )  # fmt: skip
        return Fit(shape, config.resizer, config.channels)

    def _inputs(self, names: Sequence[str], start: int) -> dict[str, str]:
        if not self._many:
            return {self.path.name: digest(self.path.read_bytes())}
        folder = opened(self.path).path
        files = [folder / name for name in names]
        if (table := label_table(folder)) is not None:
            files += [table] if start == 0 else []
        elif columns_of(self.path).labels is not None:
            files += json_files(folder, names).values()
        return {file.relative_to(folder).as_posix(): digest(file.read_bytes()) for file in files}


@lru_cache(2)
def opened(path: Path) -> ImageCollection:
    if is_store(path):
        raise DatasetError(f"--from {path} is a prepared store already")
    images = open_images(path, "--from")
    if isinstance(images, ImageFolder):
        for name in images.names:
            try:
                check_inside(images.path / name, images.path)
            except DatasetError as error:
                raise DatasetError(f"{images.path / name}: {error}") from error
    else:
        assert isinstance(images, ImageArchive)
    return images


@lru_cache(2)
def columns_of(path: Path) -> Columns:
    return opened(path).columns()
