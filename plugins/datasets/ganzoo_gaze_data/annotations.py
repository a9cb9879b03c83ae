"""MPIIGaze's annotation.txt, and the normalised gaze as it is without the scale that its authors later dropped.

The published gaze is g' = M g of unit length, where M = S R, R rotates the camera so that it faces the eye, and
S = diag(1, 1, s) with s = 600 mm / d stretches space so that the eye at distance d comes to 600 mm (Sugano et al.,
CVPR 2014). Zhang, Sugano and Bulling (Revisiting data normalization, ETRA 2018) rotate gaze only: R g, which is
(g'_x, g'_y, g'_z / s) of unit length. What it takes is d, the length of the eye's centre in annotation.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import reading
from ganzoo_gaze_data.rows import SampleRows

NORMALIZED, ORIGINAL, FILE = "Data/Normalized", "Data/Original", "annotation.txt"
FIELDS = 41
TARGET = slice(26, 29)  # 3D gaze target, mm; dimensions 27 to 29 of the authors' README
CENTRES = {"right": slice(35, 38), "left": slice(38, 41)}  # 3D eye centres, mm; dimensions 36 to 38 and 39 to 41
DISTANCE = 600.0  # mm, of the normalised camera
AGREEMENT_DEG = 1.0
MOST = 2**26  # bytes


@dataclass(frozen=True)
class Annotations:
    """The lines of one day; line n belongs to n.jpg."""

    lines: np.ndarray  # float64 [N, 41]

    @staticmethod
    def check(root: Path) -> None:
        if not (root / ORIGINAL).is_dir():
            raise DatasetError(
                f"--labels rotation-only needs {root / ORIGINAL} with pXX/dayYY/{FILE}, which has the distance of each "
                "eye, but it does not exist; unpack it too, or prepare with --labels published"
            )

    @classmethod
    def of(cls, rows: SampleRows, person: str, day: str) -> Annotations:
        name = f"{ORIGINAL}/{person}/{day}/{FILE}"
        data = rows.content(name, MOST)
        with reading(rows.root / name, "annotation file"):
            lines = np.loadtxt(data.decode("ascii").splitlines(), ndmin=2)
        if lines.shape[1] != FIELDS:
            raise DatasetError(f"{rows.root / name} has {lines.shape[1]} numbers in a line, and not {FIELDS}")
        return cls(lines)

    def rotated(self, published: np.ndarray, file: str, side: str) -> np.ndarray:
        """R g of unit length, [3].

        R turns the eye's centre onto the camera's axis, so the angle between gaze and axis must be the one that the
        annotation gives between gaze and centre. Raises DatasetError if it differs: then image, annotation
        or their scale are wrong.
        """
        number = int(file.split(".")[0]) if file.split(".")[0].isdigit() else 0
        if not 1 <= number <= len(self.lines):
            raise DatasetError("its day has no line for it in annotation.txt")
        line = self.lines[number - 1]
        centre = line[CENTRES[side]]
        distance = np.linalg.norm(centre)
        gaze = line[TARGET] - centre
        made = published * [1, 1, distance / DISTANCE]
        made = made / np.linalg.norm(made)
        stated = gaze @ centre / (np.linalg.norm(gaze) * distance)
        apart = np.rad2deg(abs(np.arccos(np.clip(made[2], -1, 1)) - np.arccos(np.clip(stated, -1, 1))))
        if not apart < AGREEMENT_DEG:  # also if it is not a number
            raise DatasetError(
                f"its normalised gaze disagrees with annotation.txt by more than {AGREEMENT_DEG:g} degree"
            )
        return np.asarray(made)
