"""Labels in the forms that other programs write them: read rightly, or refused in a sentence that says why."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganzoo.errors import DatasetError
from ganzoo.files.collection import open_images
from ganzoo.files.labels import Columns, group_ids

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Zoë é") for form in ("NFC", "NFD"))
ANGLES = '{"gaze_pitchyaw": [0.1, 0.2]}'
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems take these names for one")


def save(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 6), np.uint8)).save(folder / name)


def labels(folder: Path) -> Columns:
    return open_images(folder, "--source").columns()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_is_separated_by_whatever_separates_its_first_line(
    tmp_path: Path, separator: str, end: str, mark: str
) -> None:
    save(tmp_path, "a;b,c.png", "d.png")
    rows = [["file", "pitch", "yaw", "person"], ['"a;b,c.png"', "0.1", "-0.2", "mia"], ["d.png", "0.3", "0.4", "bo"]]
    text = mark + end.join(separator.join(row) for row in rows)
    (tmp_path / "labels.csv").write_bytes(text.encode())
    found = labels(tmp_path)
    np.testing.assert_allclose(found.labels, [[0.1, -0.2], [0.3, 0.4]], atol=1e-7)
    assert found.people is not None
    assert found.people.tolist() == ["mia", "bo"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "file;pitch;yaw\na.png;0,1;0.2\n",
            r"line 2: pitch is '0,1', not a number \(numbers have a decimal comma; write",
        ),
        ("file,pitch,yaw\na.png,0,1,0,2\n", "line 2 must have 3 fields, like the first line; write .* decimal point"),
    ],
)
def test_decimal_commas_in_a_table_are_named(tmp_path: Path, text: str, says: str) -> None:
    save(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DatasetError, match=says):
        labels(tmp_path)


@pytest.mark.parametrize(
    ("vector", "says"),
    [
        ("(0,1000, 0,2000, -0,9747, 0,0000)", r'look_vec must be "\(x, y, z, 0\)" \(numbers have a decimal comma'),
        ("(0,0000, 1,0000, 0,0000, 0,0000)", "decimal comma"),
        ("(0.0, 0.0, -1.0)", r'look_vec must be "\(x, y, z, 0\)"$'),
        ("(0, 1, 0, 2)", "fourth number of 0"),
        ("(0.0, 0.0, -1.0, 0.0, 0.0)", r'look_vec must be "\(x, y, z, 0\)"$'),
    ],
)
def test_a_vector_as_text_has_exactly_its_documented_parts(tmp_path: Path, vector: str, says: str) -> None:
    save(tmp_path, "a.png")
    (tmp_path / "a.json").write_text(json.dumps({"eye_details": {"look_vec": vector}}))
    with pytest.raises(DatasetError, match=says):
        labels(tmp_path)


def test_angles_that_no_visible_eye_has_are_warned_of(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", image=np.zeros((2, 4, 6), np.uint8), gaze_pitchyaw=[[-1.4, 0.5], [0.2, 3.0]])
    with pytest.warns(
        UserWarning, match=r"e\.npz: read as radians, .* 80 degrees of pitch and 172 of yaw; if they are deg"
    ):
        labels(tmp_path / "e.npz")


def test_angles_of_visible_eyes_are_not_warned_of(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", image=np.zeros((2, 4, 6), np.uint8), gaze_pitchyaw=[[-1.0, 1.5], [0.2, -1.5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels(tmp_path / "e.npz")


def test_a_pitch_beyond_a_right_angle_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", image=np.zeros((1, 4, 6), np.uint8), gaze_pitchyaw=[[-2.9, 0.5]])
    with pytest.raises(DatasetError, match=r"a gaze pitch of 2\.9 exceeds pi / 2; .* radians, not degrees"):
        labels(tmp_path / "e.npz")


def test_images_that_share_a_json_file_are_counted_and_refused(tmp_path: Path) -> None:
    save(tmp_path, "1.png", "1.jpg", "2.png", "3.png", "3.bmp", "3.jpg")
    for number in range(1, 4):
        (tmp_path / f"{number}.json").write_text(ANGLES)
    with pytest.raises(DatasetError, match=r"5 images share a json file .*\(1\.jpg and 1\.png have 1\.json\)"):
        labels(tmp_path)


def test_images_that_differ_only_in_their_ending_have_their_own_rows_in_a_table(tmp_path: Path) -> None:
    save(tmp_path, "1.png", "1.jpg")
    (tmp_path / "labels.csv").write_text("file,pitch,yaw\n1.png,0.1,0\n1.jpg,0.2,0\n")
    np.testing.assert_allclose(labels(tmp_path).labels, [[0.2, 0], [0.1, 0]], atol=1e-7)


@pytest.mark.parametrize("name", ["a.JSON", "LABELS.CSV"])
def test_label_files_are_found_in_any_case(tmp_path: Path, name: str) -> None:
    save(tmp_path, "a.png")
    (tmp_path / name).write_text(ANGLES if name == "a.JSON" else "file,pitch,yaw\na.png,0.1,0.2\n")
    np.testing.assert_allclose(labels(tmp_path).labels, [[0.1, 0.2]], atol=1e-7)


@only_linux
@pytest.mark.parametrize("names", [("a.JSON", "a.Json"), ("Labels.csv", "LABELS.csv")])
def test_label_files_of_which_either_may_be_meant_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    save(tmp_path, "a.png")
    for name in names:
        (tmp_path / name).write_text(ANGLES)
    with pytest.raises(DatasetError, match="keep"):
        labels(tmp_path)


@only_linux
@pytest.mark.parametrize(("image", "label"), [(DECOMPOSED, COMPOSED), (COMPOSED, DECOMPOSED)])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_names_match_however_their_accents_are_written(tmp_path: Path, image: str, label: str, form: str) -> None:
    save(tmp_path, f"{image}.png")
    if form == "csv":
        (tmp_path / "labels.csv").write_text(f"file,pitch,yaw\n{label}.png,0.1,0.2\n", encoding="utf-8")
    else:
        (tmp_path / f"{label}.json").write_text(ANGLES)
    np.testing.assert_allclose(labels(tmp_path).labels, [[0.1, 0.2]], atol=1e-7)


@only_linux
def test_two_images_whose_names_differ_only_in_how_accents_are_written_stay_two(tmp_path: Path) -> None:
    save(tmp_path, f"{COMPOSED}.png", f"{DECOMPOSED}.png")
    rows = f"{COMPOSED}.png,0.1,0\n{DECOMPOSED}.png,0.2,0\n"
    (tmp_path / "labels.csv").write_text("file,pitch,yaw\n" + rows, encoding="utf-8")
    images = open_images(tmp_path, "--source")
    found = images.columns().labels
    assert found is not None
    pitch = {name: round(float(each), 3) for name, each in zip(images.names, found[:, 0], strict=True)}
    assert pitch == {f"{COMPOSED}.png": 0.1, f"{DECOMPOSED}.png": 0.2}


def test_a_table_may_be_a_link_to_a_table_elsewhere(tmp_path: Path) -> None:
    save(tmp_path / "eyes", "a.png")
    (tmp_path / "gaze.csv").write_text("file,pitch,yaw\na.png,0.1,0.2\n")
    (tmp_path / "eyes" / "labels.csv").symlink_to(tmp_path / "gaze.csv")
    np.testing.assert_allclose(labels(tmp_path / "eyes").labels, [[0.1, 0.2]], atol=1e-7)


@pytest.mark.parametrize("name", ["labels.csv", "a.json"])
def test_labels_that_are_a_link_to_nothing_are_not_passed_over(tmp_path: Path, name: str) -> None:
    save(tmp_path, "a.png")
    (tmp_path / name).symlink_to("absent.csv")
    with pytest.raises(DatasetError, match=f"{name}.*(does not exist|No such file)"):
        labels(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["labels.csv", "a.json"])
def test_labels_that_are_a_pipe_are_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path, "a.png")
    os.mkfifo(tmp_path / name)
    with pytest.raises(DatasetError, match=f"{name} is not a readable file: it is not a regular file"):
        labels(tmp_path)


@pytest.mark.parametrize(("name", "kind"), [("labels.csv", "columns must be"), ("a.json", r"it is empty \(0 bytes\)")])
def test_labels_of_no_bytes_are_called_empty(tmp_path: Path, name: str, kind: str) -> None:
    save(tmp_path, "a.png")
    (tmp_path / name).touch()
    with pytest.raises(DatasetError, match=kind):
        labels(tmp_path)


def test_one_table_names_images_in_inner_folders_by_their_path(tmp_path: Path) -> None:
    save(tmp_path, "p0/1.png", "p1/1.png")
    (tmp_path / "labels.csv").write_text("file,pitch,yaw\np1/1.png,0.2,0\np0/1.png,0.1,0\n")
    np.testing.assert_allclose(labels(tmp_path / "**").labels, [[0.1, 0], [0.2, 0]], atol=1e-7)


def test_images_in_inner_folders_have_their_json_beside_them(tmp_path: Path) -> None:
    save(tmp_path, "p0/1.png", "p1/1.png")
    for person, pitch in (("p0", 0.1), ("p1", 0.2)):
        (tmp_path / person / "1.json").write_text(json.dumps({"gaze_pitchyaw": [pitch, 0], "person": person}))
    found = labels(tmp_path / "**")
    np.testing.assert_allclose(found.labels, [[0.1, 0], [0.2, 0]], atol=1e-7)
    assert found.people is not None
    assert found.people.tolist() == ["p0", "p1"]


def test_tables_in_inner_folders_are_not_passed_over(tmp_path: Path) -> None:
    save(tmp_path, "p0/1.png", "p1/1.png")
    (tmp_path / "p1" / "labels.csv").write_text("file,pitch,yaw\n1.png,0.1,0\n")
    with pytest.raises(DatasetError, match=r"has p1/labels.csv; .* give one labels.csv in .* names them as p1/NAME"):
        labels(tmp_path / "**")


@pytest.mark.parametrize(
    ("people", "ids"),
    [
        (["3", "10", "3"], [3, 10, 3]),
        (["p3", "p10", "p3"], [1, 0, 1]),
        (["1", "01", "3"], [1, 0, 2]),
        (["7", "anna"], [0, 1]),
    ],
)
def test_people_get_the_number_that_they_are_called_or_a_number_of_their_own(people: list[str], ids: list[int]) -> None:
    assert group_ids(np.array(people)).tolist() == ids
