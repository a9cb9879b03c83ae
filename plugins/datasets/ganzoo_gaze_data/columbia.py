"""Columbia Gaze (Smith et al., UIST 2013): eye crops that keep its file names, such as 0001_2m_-15P_10V_-5H.jpg.

Its photographs show whole faces of 5184 x 3456 px and come without landmarks, so eyes cannot be cut out of them here:
boxes at fixed places would miss them, since heads differ in place and size. Crop them by a face landmark detector of
your choice, and keep the names; `_left` or `_right` may follow the H.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.fit import Fit, Resizer
from ganzoo.files.image_file import read_image
from ganzoo.settings import Settings
from ganzoo.task import GazeTask
from ganzoo_gaze_data.directions import GAZE, gaze_columns
from ganzoo_gaze_data.rows import SampleRows, check_folder, names_in

BLOCK = 256  # images in a piece
MOST_IMAGE = 2**26  # bytes
WIDEST = 1024  # px: a larger image is a photograph of a face
NAME = re.compile(
    r"(?P<person>\d{4})_(?P<metres>\d{1,2})m_(?P<p>-?\d{1,2})P_(?P<v>-?\d{1,2})V_(?P<h>-?\d{1,2})H"
    r"(_(?P<side>left|right))?\.(jpg|jpeg|png)",
    re.IGNORECASE | re.ASCII,
)


class ColumbiaConfig(Settings):
    height: int = Field(35, ge=8, le=2048, description="Height of the stored images in px.")
    width: int = Field(55, ge=8, le=2048, description="Width of the stored images in px.")
    resizer: Resizer = Field("crop-then-lanczos", description="How your crops are resized to that size.")
    positive_h: Literal["image-right", "image-left"] = Field(
        "image-right", description="Where eyes with a positive H look in the picture. Check it on the contact sheet."
    )


class ColumbiaGaze(Archive):
    name = "columbia-gaze"
    summary = "Columbia Gaze: 56 people, 21 gaze directions, 5 head poses; from eye crops of your own"
    homepage = "https://www.cs.columbia.edu/CAVE/databases/columbia_gaze/"
    license = "non-commercial use only"
    citation = (
        "Smith, Yin, Feiner, Nayar: Gaze locking: passive eye contact detection for human-object interaction, UIST 2013"
    )
    size = "2.4 GB"
    expects = "PATH (a folder of eye crops with Columbia's names, such as 0001_2m_0P_10V_-5H.jpg or ..._left.jpg)"
    domain = "target"
    conventions: ClassVar[Mapping[str, str]] = {
        **GAZE,
        "person": "0001 to 0056",
        "side": "left or right, where the name says it, else unknown",
        "p_deg": "horizontal head pose in degrees, as the name has it",
        "file": "the image in the folder",
    }
    Config = ColumbiaConfig

    @property
    def task(self) -> GazeTask:
        return GazeTask()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return 1, self.config.height, self.config.width

    def pieces(self) -> Sequence[str]:
        return [str(start) for start in range(0, len(_images(self.path)), BLOCK)]

    def read(self, piece: str) -> Piece:
        rows = SampleRows(self.path, self.image_shape)
        fit = Fit((self.config.height, self.config.width, 1), self.config.resizer, "grey")
        for file in _images(self.path)[int(piece) : int(piece) + BLOCK]:
            with rows.skipping(file):
                columns = self._labels(Path(file).name)
                pixels = read_image(rows.root / file, rows.content(file, MOST_IMAGE))
                if max(pixels.shape[:2]) > WIDEST:
                    raise DatasetError(f"it is larger than {WIDEST} px: a photograph, and no crop of an eye")
                fit.check([pixels.shape], [file], "its size")
                rows.add(fit(pixels)[..., 0][None], {**columns, "file": file})
        return rows.piece()

    def recipe(self) -> Mapping[str, Any]:
        return {
            "images": f"your crops, {self.config.resizer} to {self.config.height} x {self.config.width}, grey",
            "gaze": f"of the name: pitch = V, yaw = {'-' if self.config.positive_h == 'image-right' else ''}H",
        }

    def _labels(self, name: str) -> Mapping[str, Any]:
        found = NAME.fullmatch(name)
        if not found:
            raise DatasetError("its name is not like 0001_2m_0P_10V_-5H.jpg")
        pitch = np.deg2rad(int(found["v"]))
        yaw = np.deg2rad(int(found["h"])) * (-1 if self.config.positive_h == "image-right" else 1)
        gaze = np.array([-np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)])
        side = (found["side"] or "unknown").lower()
        return {**gaze_columns(gaze), "person": found["person"], "side": side, "p_deg": np.float32(found["p"])}


@lru_cache(2)
def _images(folder: Path) -> list[str]:
    """Images in the folder and in the folders directly in it."""
    check_folder(folder, ColumbiaGaze.expects)
    found = []
    for name in names_in(folder, folder):
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            found += [f"{name}/{inner}" for inner in names_in(folder / name, folder)]
        else:
            found.append(name)
    images = [file for file in found if file.lower().endswith((".jpg", ".jpeg", ".png"))]
    if not any(NAME.fullmatch(Path(file).name) for file in images):
        raise DatasetError(f"--from {folder} holds no image with such a name; it must be {ColumbiaGaze.expects}")
    return images
