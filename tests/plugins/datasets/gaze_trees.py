"""Small trees of raw files in the layouts of published gaze data sets, drawn so that a person sees where eyes look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

LEFT_AND_UP = np.array([-0.3, -0.25, -np.sqrt(1 - 0.3**2 - 0.25**2)])  # camera x right, y down, z forward
CORNERS = 200.0  # px between the eye corners of `unity_eye`


def drawn_eye(height: int, width: int, gaze: np.ndarray, middle: tuple[float, float] | None = None) -> np.ndarray:
    """Light skin, a white eye, and a dark iris that is displaced to where the eye looks. uint8 [H, W]."""
    x, y = middle or ((width - 1) / 2, (height - 1) / 2)
    size = min(width / 55, height / 35)
    rows, columns = np.mgrid[:height, :width]
    image = np.full((height, width), 150, np.uint8)
    image[((columns - x) / (22 * size)) ** 2 + ((rows - y) / (13 * size)) ** 2 < 1] = 240
    iris = x + 25 * size * gaze[0], y + 25 * size * gaze[1]
    image[np.hypot(columns - iris[0], rows - iris[1]) < 7 * size] = 20
    return image


def dark_centre(image: np.ndarray) -> tuple[float, float]:
    """x, y of the middle of the dark pixels of [H, W]."""
    rows, columns = np.nonzero(image < 80)
    return float(columns.mean()), float(rows.mean())


def unity_record(gaze: np.ndarray, size: tuple[int, int] = (480, 640), **changes: Any) -> dict[str, Any]:
    """What UnityEyes writes beside an image of an eye in its middle: y up, everything as text."""
    height, width = size
    middle = np.array([width / 2, height / 2])
    turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    iris = middle + 25 * CORNERS / 44 * gaze[:2] + 60 * np.stack([np.cos(turn), np.sin(turn)], 1)
    around = np.pi + np.linspace(0, 2 * np.pi, 16, endpoint=False)  # from the inner corner; point 8 is the outer one
    margin = middle + np.stack([CORNERS / 2 * np.cos(around), 50 * np.sin(around)], 1)
    caruncle = np.tile(middle - [CORNERS / 2, 0], (7, 1))

    def text(points: np.ndarray) -> list[str]:
        return [f"({x:.4f}, {height - y:.4f}, 9.5)" for x, y in points]

    x, y, z = gaze
    return {
        "interior_margin_2d": text(margin),
        "caruncle_2d": text(caruncle),
        "iris_2d": text(iris),
        "eye_details": {"look_vec": f"({x:.6f}, {-y:.6f}, {z:.6f}, 0.0000)"},
        "head_pose": "(0.0000, 180.0000, 0.0000)",
        **changes,
    }


def unity_eye(folder: Path, number: int, gaze: np.ndarray, **changes: Any) -> None:
    """N.jpg and N.json, 640 x 480, with the eye in the middle."""
    folder.mkdir(parents=True, exist_ok=True)
    size = 2 * int(CORNERS / 44 * 35 / 2), 2 * int(CORNERS / 44 * 55 / 2)
    image = np.full((480, 640), 150, np.uint8)
    top, left = (480 - size[0]) // 2, (640 - size[1]) // 2
    image[top : top + size[0], left : left + size[1]] = drawn_eye(*size, gaze)
    Image.fromarray(np.repeat(image[..., None], 3, 2)).save(folder / f"{number}.jpg", quality=95)
    (folder / f"{number}.json").write_text(json.dumps(unity_record(gaze, **changes)))


def unit(vector: Any) -> np.ndarray:
    vector = np.asarray(vector, float)
    return np.asarray(vector / np.linalg.norm(vector))


def normalised_day(root: Path, person: str, day: str, sides: dict[str, dict[str, np.ndarray]], files: Any) -> Path:
    """Data/Normalized/PERSON/DAY.mat: structs data.left and data.right, and a cell array of file names."""
    path = root / "Data/Normalized" / person / f"{day}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"data": sides, "filenames": np.array(list(files), dtype=object)}, do_compression=True)
    return path


def hdf5_day(root: Path, person: str, day: str, sides: dict[str, dict[str, np.ndarray]], files: Any) -> Path:
    """The same as MATLAB saves it with -v7.3: HDF5 behind a header of 512 bytes, axes in reverse, text by reference."""
    from h5py import File, ref_dtype

    path = root / "Data/Normalized" / person / f"{day}.mat"
    path.parent.mkdir(parents=True, exist_ok=True)
    with File(path, "w", userblock_size=512) as file:
        for side, arrays in sides.items():
            for key, array in arrays.items():
                file.create_dataset(f"data/{side}/{key}", data=array.T, compression="gzip")
        names = file.create_dataset("filenames", (1, len(files)), ref_dtype)
        for at, name in enumerate(files):
            codes = np.frombuffer(name.encode("utf-16-le"), "<u2")[:, None]
            names[0, at] = file.create_dataset(f"#refs#/{at}", data=codes).ref
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def normalised_eyes(gazes: np.ndarray, poses: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """image, gaze and pose of one side."""
    images = np.stack([drawn_eye(36, 60, gaze) for gaze in gazes])
    return {"image": images, "gaze": gazes, "pose": np.zeros((len(gazes), 3)) if poses is None else poses}


def evaluation_list(root: Path, person: str, *lines: str) -> None:
    path = root / "Evaluation Subset/sample list for eye image" / f"{person}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
