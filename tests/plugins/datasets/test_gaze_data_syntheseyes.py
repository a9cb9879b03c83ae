"""SynthesEyes: labels out of pickles that cannot run code."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ganzoo_gaze_data.crop import CropConfig
from ganzoo_gaze_data.plain_pickle import loads
from ganzoo_gaze_data.syntheseyes import SynthesEyes, _images
from gaze_trees import LEFT_AND_UP, dark_centre, drawn_eye, unit
from PIL import Image

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Piece

HEIGHT, WIDTH = 80, 120
MIRROR = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(autouse=True)
def forget() -> None:
    _images.cache_clear()


def record(gaze: np.ndarray, **changes: Any) -> dict[str, Any]:
    """What SynthesEyes keeps of an eye in the image's middle: look_vec in Blender's camera, 2D points in px."""
    middle, half = np.array([59.5, 39.5]), 30.0
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    iris = middle + 25 * half / 22 * gaze[:2]
    x, y, z = gaze
    points = {
        "ldmks_lids_2d": middle + circle * [half, 18],
        "ldmks_iris_2d": iris + 9 * circle,
        "ldmks_pupil_2d": iris + 4 * circle,
    }
    return {"look_vec": np.array([x, -y, -z]), "head_pose": np.eye(3), "ldmks": points, **changes}


def synth_eye(folder: Path, name: str, gaze: np.ndarray, protocol: int = 2, **changes: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = np.full((HEIGHT, WIDTH), 150, np.uint8)
    size = 47, 75
    image[16 : 16 + size[0], 22 : 22 + size[1]] = drawn_eye(*size, gaze, (37.5, 23.5))
    Image.fromarray(np.repeat(image[..., None], 3, 2)).save(folder / f"{name}.png")
    (folder / f"{name}.pkl").write_bytes(pickle.dumps(record(gaze, **changes), protocol))


def read(root: Path, person: str = "f01") -> Piece:
    return SynthesEyes(CropConfig(), root).read(f"{person}:0")


def test_an_eye_that_looks_left_and_up_has_positive_yaw_and_pitch(tmp_path: Path) -> None:
    synth_eye(tmp_path / "f01", "f01_1_0.0_0.0", LEFT_AND_UP)
    piece = read(tmp_path)
    x, y = dark_centre(piece.images[0, 0])
    assert x < 24
    assert y < 15
    assert piece.columns["pitch"][0] > 0.2
    assert piece.columns["yaw"][0] > 0.2
    np.testing.assert_allclose(piece.columns["gaze"][0], LEFT_AND_UP, atol=1e-6)
    np.testing.assert_allclose((piece.columns["pupil_x"][0], piece.columns["pupil_y"][0]), (x, y), atol=1.2)
    assert piece.columns["person"].tolist() == ["f01"]


def test_the_mirrored_eye_has_the_opposite_yaw(tmp_path: Path) -> None:
    synth_eye(tmp_path / "f01", "1", LEFT_AND_UP)
    synth_eye(tmp_path / "f01", "2", LEFT_AND_UP * MIRROR)
    columns = read(tmp_path).columns
    np.testing.assert_allclose(columns["yaw"][0], -columns["yaw"][1], atol=1e-6)
    np.testing.assert_allclose(columns["pupil_x"].sum(), 54, atol=1e-3)


def test_labels_that_the_pictures_contradict_are_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(110):
        gaze = unit([*random.uniform(-0.3, 0.3, 2), -1])
        wrong = {"look_vec": np.array([gaze[0], gaze[1], -gaze[2]])}  # y down, and not up
        synth_eye(tmp_path / "f01", str(number), gaze)
        synth_eye(tmp_path / "m01", str(number), gaze, **wrong)
    assert len(read(tmp_path).images) == 110
    with pytest.raises(DatasetError, match="irises and look_vec have opposite directions along y"):
        read(tmp_path, "m01")


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "f01"
    for name, changes in {
        "a": {}, "b": {"look_vec": np.array([np.nan, 0, 1])}, "c": {"look_vec": np.array([0.5, 0, 0.5])},
        "d": {"look_vec": "left"}, "e": {"ldmks": {}}, "f": {"ldmks": None}, "g": {}, "h": {}, "i": {}, "j": {},
    }.items():  # fmt: skip
        synth_eye(folder, name, LEFT_AND_UP, **changes)
    (folder / "g.pkl").unlink()
    (folder / "h.pkl").write_bytes((folder / "h.pkl").read_bytes()[:50])
    (folder / "i.png").write_bytes((folder / "i.png").read_bytes()[:300])
    (folder / "j.pkl").write_bytes(pickle.dumps(Runs(["touch", str(tmp_path / "ran")])))
    piece = read(tmp_path)
    reasons = dict(line.split(": ", 1) for line in piece.skipped)
    assert piece.columns["file"].tolist() == ["f01/a.png"]
    for name, says in {
        "b": "its gaze is not finite", "c": "not of unit length", "d": "its look_vec are not numbers [3]",
        "e": "its ldmks_lids_2d are not numbers", "f": "its pickle is no dictionary with look_vec",
        "g": "there is no pkl file beside it", "h": "it is not a readable pickle", "i": "it is not a readable image",
        "j": "its pickle names posix.system, which could run code",
    }.items():  # fmt: skip
        assert says in reasons[f"f01/{name}.png"], (name, reasons)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_syntheseyes_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "SynthEyes_data.zip").write_bytes(b"")
    for path, says in {tmp_path: "holds no folders with png", tmp_path / "SynthEyes_data.zip": "is packed"}.items():
        with pytest.raises(DatasetError, match=says):
            SynthesEyes(CropConfig(), path).pieces()


class Runs:
    """Unpickled by the standard library, this runs a command."""

    def __init__(self, command: list[str]) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (" ".join(self.command),)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_and_arrays_come_back_as_they_were(protocol: int) -> None:
    value = {
        "a": [1, -2.5, "text", None, True, 10**30], "b": (1, (2, 3)), "c": b"\x00\xff",
        "f8": np.arange(6.0).reshape(2, 3), "F": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "f4": np.float32([1.5]), "big": np.arange(3, dtype=">i2"), "s": np.float64(0.1), "empty": np.zeros((0, 2)),
        "bool": np.array([True, False]), "u": np.array(["ab", "c"]),
    }  # fmt: skip
    found = loads(pickle.dumps(value, protocol))
    assert found.keys() == value.keys()
    for key, expected in value.items():
        if isinstance(expected, np.ndarray | np.generic):
            np.testing.assert_array_equal(found[key], expected)
            assert found[key].dtype == expected.dtype
        else:
            assert found[key] == (list(map(list_of, expected)) if isinstance(expected, tuple) else expected)


def list_of(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_an_array_that_python_2_pickled_is_read() -> None:
    """numpy.core, and bytes as Python 2's str: what numpy 1 under Python 2 wrote."""
    data = np.array([0.25, -3.0]).tobytes()
    pickled = (
        b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n"
        b"(I1\n(I2\ntp6\ncnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n"
        b"(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
    )
    text = "S'" + "".join(f"\\x{byte:02x}" for byte in data) + "'\np13\ntp14\nb."
    np.testing.assert_array_equal(loads(pickled + text.encode()), [0.25, -3.0])


@pytest.mark.parametrize(
    "value",
    [
        Runs(["true"]), OrderedDict(a=1), np.array([{}]), np.zeros(2, [("a", "f8")]), eval, Path("x"),
        np.dtype("f8"), np.datetime64("2020-01-01"), {"deep": Runs(["true"])},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(DatasetError, match=r"its pickle|not a readable pickle"):
        loads(pickle.dumps(value))


def test_pickles_made_to_hurt_are_refused() -> None:
    lists: Any = [0]
    for _ in range(30):
        lists = [lists, lists]  # 2^30 values in a few hundred bytes
    with pytest.raises(DatasetError, match="too many values, or too deep"):
        loads(pickle.dumps(lists))
    wide: Any = [0] * 10
    for _ in range(8):
        wide = [wide] * 10
    with pytest.raises(DatasetError, match="too many values"):
        loads(pickle.dumps(wide))
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(DatasetError, match="too deep"):
        loads(pickle.dumps(loop))
    huge = pickle.dumps(np.zeros(3)).replace(b"K\x03\x85", b"J\xff\xff\xff\x7f\x85")
    with pytest.raises(DatasetError, match=r"impossible shape|does not fill its shape"):
        loads(huge)
    for content in b"", b"\x80\x05", b"cposix\nsystem\n(S'true'\ntR.", b"not a pickle", b"\x80\x05\x96" + b"\xff" * 8:
        with pytest.raises(DatasetError, match="pickle"):
            loads(content)


def test_no_pickle_changes_what_the_next_one_means() -> None:
    """Attributes of what a pickle may call cannot be set by it."""
    poison = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}X\x04\x00\x00\x00nameX\x01\x00\x00\x00xs\x86b."
    with pytest.raises(DatasetError):
        loads(poison)
    np.testing.assert_array_equal(loads(pickle.dumps(np.arange(3.0))), np.arange(3.0))
