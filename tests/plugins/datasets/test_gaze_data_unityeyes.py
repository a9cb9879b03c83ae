"""UnityEyes: what its files say, and what becomes of files that are not as they should be."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ganzoo_gaze_data.crop import CropConfig
from ganzoo_gaze_data.unityeyes import UnityEyes, numbers
from gaze_trees import LEFT_AND_UP, dark_centre, unity_eye, unity_record
from PIL import Image, ImageOps

from ganzoo.errors import DatasetError
from ganzoo.files.archive import Piece
from ganzoo.files.store import Store
from ganzoo.stores.prepare import prepare

EYES = Path(__file__).parents[2].parent / "shared" / "data" / "eyes"
needs_eyes = pytest.mark.skipif(not EYES.is_dir(), reason="shared/data/eyes is not here")


@pytest.fixture(autouse=True)
def forget_folders() -> None:
    numbers.cache_clear()


def read(folder: Path, **settings: Any) -> Piece:
    """All of a small folder."""
    numbers.cache_clear()
    archive = UnityEyes(CropConfig(**settings), folder)
    (name,) = archive.pieces()
    return archive.read(name)


def test_an_eye_that_looks_left_and_up_has_positive_yaw_and_pitch(tmp_path: Path) -> None:
    unity_eye(tmp_path, 1, LEFT_AND_UP)
    piece = read(tmp_path)
    x, y = dark_centre(piece.images[0, 0])
    assert x < 24  # the middle is 27, 17: a person sees it look left and up
    assert y < 15
    assert piece.columns["pitch"][0] > 0.2
    assert piece.columns["yaw"][0] > 0.2
    np.testing.assert_allclose(piece.columns["gaze"][0], LEFT_AND_UP, atol=1e-5)


def test_the_mirrored_eye_has_the_opposite_yaw(tmp_path: Path) -> None:
    mirrored = LEFT_AND_UP * [-1, 1, 1]
    unity_eye(tmp_path, 1, LEFT_AND_UP)
    unity_eye(tmp_path, 2, mirrored)
    piece = read(tmp_path)
    one, other = piece.images[:, 0].astype(int)
    assert np.abs(one - other[:, ::-1]).mean() < 2
    np.testing.assert_allclose(piece.columns["yaw"][0], -piece.columns["yaw"][1], atol=1e-5)
    np.testing.assert_allclose(piece.columns["pitch"][0], piece.columns["pitch"][1], atol=1e-5)


def test_the_pupil_is_where_the_dark_pixels_are(tmp_path: Path) -> None:
    for number, gaze in enumerate((LEFT_AND_UP, LEFT_AND_UP * [-1, 1, 1], LEFT_AND_UP * [0.1, -1, 1]), 1):
        unity_eye(tmp_path, number, gaze / np.linalg.norm(gaze))
    piece = read(tmp_path)
    for image, x, y in zip(piece.images, piece.columns["pupil_x"], piece.columns["pupil_y"], strict=True):
        np.testing.assert_allclose((x, y), dark_centre(image[0]), atol=0.6)


def test_the_crop_is_centred_between_the_corners_and_as_wide_as_its_recipe_says(tmp_path: Path) -> None:
    unity_eye(tmp_path, 1, LEFT_AND_UP)
    landmarks = read(tmp_path, crop_width=2.0).columns["landmarks"][0].reshape(-1, 2)
    inner, outer = landmarks[16:23].mean(0), landmarks[8]
    np.testing.assert_allclose((inner + outer) / 2, [27, 17], atol=1e-3)
    np.testing.assert_allclose(outer - inner, [55 / 2.0, 0], atol=1e-3)


def test_size_and_equalisation_are_settings(tmp_path: Path) -> None:
    unity_eye(tmp_path, 1, LEFT_AND_UP)
    assert read(tmp_path, height=36, width=60).images.shape == (1, 1, 36, 60)
    plain, equal = read(tmp_path).images, read(tmp_path, equalize=True).images
    np.testing.assert_array_equal(equal[0, 0], ImageOps.equalize(Image.fromarray(plain[0, 0])))
    assert not np.array_equal(plain, equal)


@needs_eyes
def test_in_genuine_files_the_eye_looks_where_the_head_faces() -> None:
    """The four samples were rendered with eyes at rest, so look_vec and head_pose must say the same direction."""
    columns = read(EYES / "unityeyes_sample").columns
    for angle in ("pitch", "yaw"):
        np.testing.assert_allclose(columns[angle], columns[f"pose_{angle}"], atol=np.deg2rad(0.02))


@needs_eyes
def test_in_rendered_eyes_the_dark_pixels_move_with_the_gaze(tmp_path: Path) -> None:
    store = prepare(UnityEyes(CropConfig(), EYES / "rendered_640x480"), tmp_path / "store", jobs=1, quiet=True)
    assert len(store) == 300
    darkness = 255.0 - store.images[:, 0]
    darkness = np.maximum(darkness - np.quantile(darkness, 0.8, axis=(1, 2), keepdims=True), 0)
    x = (darkness.sum(1) * np.arange(55)).sum(1) / darkness.sum((1, 2))
    y = (darkness.sum(2) * np.arange(35)).sum(1) / darkness.sum((1, 2))
    assert np.corrcoef(x, store.column("yaw"))[0, 1] < -0.7
    assert np.corrcoef(y, store.column("pitch"))[0, 1] < -0.4
    assert np.corrcoef(x, store.column("pupil_x"))[0, 1] > 0.7


def test_files_that_cannot_be_used_are_named_with_their_reason(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    unity_eye(outside, 1, LEFT_AND_UP)
    folder = tmp_path / "imgs"
    for number in range(1, 16):
        unity_eye(folder, number, LEFT_AND_UP)
    (folder / "2.json").unlink()
    (folder / "3.jpg").unlink()
    (folder / "4.json").write_text("{")
    (folder / "5.json").write_text("[]")
    whole = (folder / "6.jpg").read_bytes()
    (folder / "6.jpg").write_bytes(whole[: len(whole) // 2])
    for number, vector in (7, "(nan, 0, -1, 0)"), (8, "(0.1, 0.1, -0.5, 0)"), (9, "left"):
        record = unity_record(LEFT_AND_UP, eye_details={"look_vec": vector})
        (folder / f"{number}.json").write_text(json.dumps(record))
    (folder / "10.json").write_text(json.dumps(unity_record(LEFT_AND_UP, iris_2d=["(1, 2, 3)"])))
    (folder / "11.json").write_text(json.dumps(unity_record(LEFT_AND_UP, caruncle_2d=["(5.0, 240.0, 3)"] * 7)))
    (folder / "12.jpg").unlink()
    (folder / "12.jpg").symlink_to(outside / "1.jpg")
    Image.new("L", (50_000, 2_000)).save(folder / "13.jpg")
    (folder / "14.json").write_text("[" * 100_000)
    piece = read(folder)
    reasons = dict(line.split(": ", 1) for line in piece.skipped)
    assert list(piece.columns["file"]) == ["1.jpg", "15.jpg"]
    for name, says in {
        "2.jpg": "no json file beside it",
        "3.jpg": "no image beside it",
        "4.jpg": "4.json is not a readable json file",
        "5.jpg": "must hold a json object",
        "6.jpg": "it is not a readable image: image file is truncated",
        "7.jpg": "its gaze is not finite",
        "8.jpg": "its gaze vector is not of unit length",
        "9.jpg": 'its eye_details.look_vec must be "(x, y, z, 0)"',
        "10.jpg": "its json has not 32 points iris_2d",
        "11.jpg": "the crop around its eye reaches beyond the image",
        "12.jpg": "it is a link that leads out of the folder",
        "13.jpg": "claims 50000 x 2000 pixels",
        "14.jpg": "14.json is not a readable json file",
    }.items():
        assert says in reasons[name], reasons[name]
    assert len(reasons) == 13
    assert not any(str(tmp_path) in reason for reason in piece.skipped)  # cards name no machine paths


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_skipped(tmp_path: Path) -> None:
    unity_eye(tmp_path, 1, LEFT_AND_UP)
    (tmp_path / "1.jpg").chmod(0)
    assert "permission denied" in read(tmp_path).skipped[0]


def test_only_the_names_that_unityeyes_writes_are_taken(tmp_path: Path) -> None:
    for number in (1, 10, 2):
        unity_eye(tmp_path, number, LEFT_AND_UP)
    for name in ("01.jpg", "notes.txt", "x.json", "٣.jpg", "99999999999999999999.jpg"):
        (tmp_path / name).write_bytes(b"")
    assert numbers(tmp_path).tolist() == [1, 2, 10]


def test_files_with_other_names_are_counted_once_with_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganzoo_gaze_data.unityeyes.BLOCK", 1)
    for number in (1, 2):
        unity_eye(tmp_path, number, LEFT_AND_UP)
    for name in ("3.JPG", "04.jpg", "x.json", "5.png", "notes.txt", ".6.jpg"):
        (tmp_path / name).write_bytes(b"")
    archive = UnityEyes(CropConfig(), tmp_path)
    skipped = [reason for piece in archive.pieces() for reason in archive.read(piece).skipped]
    why = "its name is not N.jpg or N.json, as UnityEyes writes it"
    assert skipped == [f"{name}: {why}" for name in ("04.jpg", "3.JPG", "5.png", "x.json")]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"eye_details": {"look_vec": "(0,1000, 0,2000, -0,9747, 0,0000)"}}, "its eye_details.look_vec must be"),
        ({"eye_details": {"look_vec": "(0,0000, 1,0000, 0,0000, 0,0000)"}}, "its eye_details.look_vec must be"),
        ({"head_pose": "(4,1570, 178,9004, 0,0000)"}, "its head_pose must be"),
        ({"iris_2d": ["(320,1, 240,2, 9,5)"] * 32}, "its iris_2d must be"),
    ],
)
def test_decimal_commas_are_called_so(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    unity_eye(tmp_path, 1, LEFT_AND_UP, **changes)
    (reason,) = read(tmp_path).skipped
    assert says in reason
    assert "numbers have a decimal comma; write them with a decimal point" in reason


def test_pieces_are_named_by_their_numbers_and_cover_everything(tmp_path: Path) -> None:
    for number in range(1, 601):
        (tmp_path / f"{number}.jpg").touch()
        (tmp_path / f"{number + 1}.json").touch()
    assert UnityEyes(CropConfig(), tmp_path).pieces() == ["1-256", "257-512", "513-601"]


def test_a_folder_that_is_something_else_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "unityeyes.tar.gz").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for path, says in {
        tmp_path / "absent": "absent does not exist; it must be PATH",
        tmp_path / "unityeyes.tar.gz": "is packed: unpack it first",
        tmp_path / "empty": "holds no N.jpg",
    }.items():
        numbers.cache_clear()
        with pytest.raises(DatasetError, match=says):
            UnityEyes(CropConfig(), path).pieces()


def test_two_processes_make_the_same_store_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganzoo.stores.prepare.WORTH_PROCESSES", 2)
    monkeypatch.setattr("ganzoo_gaze_data.unityeyes.BLOCK", 2)
    for number in range(1, 6):
        unity_eye(tmp_path / "imgs", number, LEFT_AND_UP)
    stores = []
    for jobs in (1, 2):
        numbers.cache_clear()
        stores.append(prepare(UnityEyes(CropConfig(), tmp_path / "imgs"), tmp_path / str(jobs), jobs=jobs, quiet=True))
    one, two = (Store(store.path).card["checksums"] for store in stores)
    assert one == two
