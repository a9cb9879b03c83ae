"""Preparing on several processes, verifying, contact sheets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from counted import Counted, CountedConfig, columns_of
from PIL import Image

from ganzoo.batch import set_spec
from ganzoo.errors import DatasetError, GanzooError, UsageError
from ganzoo.files.archive import Piece
from ganzoo.files.store import Store
from ganzoo.stores.prepare import prepare
from ganzoo.stores.sheet import contact_sheet
from ganzoo.stores.summary import ColumnSummary, summary
from ganzoo.stores.verify import problems
from ganzoo.stores.writer import StoreWriter
from ganzoo.task import GazeTask


def prepared(path: Path, jobs: int = 1, raw: str = "raw", **settings: object) -> Store:
    folder = path.parent / raw
    folder.mkdir(exist_ok=True)
    return prepare(Counted(CountedConfig(**settings), folder), path, jobs=jobs, quiet=True)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return prepared(tmp_path / "store")


def made_of(path: Path, images: np.ndarray, **columns: np.ndarray) -> Store:
    """A store of any images and columns."""
    writer = StoreWriter(path, {}, images.shape[1:])
    with writer.open():
        writer.write("all", Piece(images, columns))
    channels, height, width = images.shape[1:]
    spec = {"channels": channels, "height": height, "width": width, "task": "GazeTask"}
    writer.finish({"name": path.name, "spec": spec})
    return Store(path)


def test_the_card_says_what_was_prepared_and_how(store: Store) -> None:
    for key, value in {
        "name": "counted", "license": "none", "citation": "nobody", "images": 12, "skipped": 4,
        "recipe": {"images": "made"}, "spec": set_spec(1, 2, 4, GazeTask()).as_table(),
    }.items():  # fmt: skip
        assert store.card[key] == value
    assert store.card["settings"]["pieces"] == 4
    assert str(store.path.parent) not in (store.path / "card.json").read_text()  # cards travel; paths do not


def test_a_piece_that_breaks_everything_ends_it_and_leaves_the_rest_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="piece 2 is broken"):
        prepared(tmp_path / "store", broken=2)
    assert not (tmp_path / "store").exists()
    assert len((tmp_path / "store.partial" / "journal.jsonl").read_text().splitlines()) == 2


def test_other_settings_or_another_folder_do_not_go_on_in_the_same_store(tmp_path: Path) -> None:
    with pytest.raises(DatasetError):
        prepared(tmp_path / "store", broken=2)
    with pytest.raises(UsageError, match="started with a different settings"):
        prepared(tmp_path / "store")
    with pytest.raises(UsageError, match="started with a different raw folder"):
        prepared(tmp_path / "store", raw="raw2", broken=2)


def test_an_unusable_first_piece_does_not_hide_that_the_disk_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("ganzoo.stores.prepare.shutil.disk_usage", lambda _: usage)
    with pytest.raises(GanzooError, match="needs about 0 MiB, but 0 MiB are free"):
        prepared(tmp_path / "store", empty=(0,))


def test_a_whole_store_has_no_problems(store: Store) -> None:
    assert list(problems(store)) == []


@pytest.mark.parametrize("name", ["images.npy", "labels.parquet"])
def test_a_changed_byte_is_found(store: Store, name: str) -> None:
    content = bytearray((store.path / name).read_bytes())
    content[130] ^= 1
    (store.path / name).write_bytes(content)
    assert any(f"{name} has a different checksum" in problem for problem in problems(Store(store.path)))


def test_missing_and_truncated_files_are_problems_and_no_tracebacks(store: Store, tmp_path: Path) -> None:
    shutil.copytree(store.path, tmp_path / "other")
    (store.path / "labels.parquet").unlink()
    assert any("labels.parquet is not a readable" in problem for problem in problems(Store(store.path)))
    images = tmp_path / "other" / "images.npy"
    images.write_bytes(images.read_bytes()[:150])
    assert any("images.npy" in problem for problem in problems(Store(tmp_path / "other")))


def test_impossible_labels_and_shared_images_are_problems(tmp_path: Path) -> None:
    images = np.zeros((4, 1, 2, 4), np.uint8)
    images[:, 0, 0, 0] = [0, 1, 2, 0]
    gaze = np.array([[0, 0, -1.0], [0, 0, -2.0], [0, 0, -1.0], [0, 0, -1.0]])
    people = np.array(["p0", "p0", "p1", "p1"])
    store = made_of(
        tmp_path / "odd", images, pitch=np.array([0, 0.1, np.nan, 45]), yaw=np.zeros(4), gaze=gaze, person=people
    )
    assert list(problems(store)) == [
        "1 of 4 images have no label: it can be a target, but not a source",
        "a gaze pitch of 45 exceeds pi / 2; labels must be in radians, not degrees",
        "1 gaze vectors are not of unit length",
        "1 images are in more than one person",
    ]
    bare = made_of(tmp_path / "bare", images, split=np.array(["train", "train", "train", "test"]))
    assert list(problems(bare)) == [
        "there are no labels: it can be a target, but not a source",
        "1 images are in more than one split",
    ]


def test_the_summary_counts_what_is_missing_and_draws_where_the_values_lie(tmp_path: Path) -> None:
    store = made_of(
        tmp_path / "store", np.zeros((5, 1, 2, 4), np.uint8),
        pitch=np.array([0, np.nan, 12.0, 12.0, 12.0]), yaw=np.full(5, np.nan),
        person=np.array(["a", "b", "a", "c", "a"]), gaze=np.zeros((5, 3)),
    )  # fmt: skip
    found = summary(store)
    assert found["pitch"] == ColumnSummary(1, 2, 0, 9, 12, (1, *[0] * 10, 3))
    assert found["pitch"].drawn() == "▃" + " " * 10 + "█"
    assert found["yaw"] == ColumnSummary(5, 0)
    assert found["person"] == ColumnSummary(0, 3)
    assert "gaze" not in found


def test_a_contact_sheet_is_a_png_with_an_arrow_where_the_eye_looks(tmp_path: Path) -> None:
    """One black image that looks up and to the image's left: yellow pixels lie up and left of its middle."""
    angle = np.array([0.8])
    store = made_of(tmp_path / "store", np.zeros((1, 1, 30, 60), np.uint8), pitch=angle, yaw=angle)
    contact_sheet(store, tmp_path / "sheet.png", columns=1, rows=1)
    pixels = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(int)
    dark = np.argwhere(pixels.sum(2) < 30)
    yellow = np.argwhere((pixels[..., 0] > 200) & (pixels[..., 1] > 200) & (pixels[..., 2] < 60))
    (top, left), (bottom, right) = np.quantile(dark, 0.02, 0), np.quantile(dark, 0.98, 0)
    assert yellow[:, 0].mean() < (top + bottom) / 2
    assert yellow[:, 1].mean() < (left + right) / 2
    assert len(yellow) > 20


def test_a_contact_sheet_of_images_without_labels_of_classes_or_of_a_few(tmp_path: Path) -> None:
    images = np.zeros((3, 3, 8, 8), np.uint8)
    missing = np.array([0, np.nan, 0])
    for name, columns in {
        "bare": {}, "missing": {"pitch": missing, "yaw": missing}, "classes": {"class": np.arange(3)},
    }.items():  # fmt: skip
        store = made_of(tmp_path / name, images, file=np.array(["a", "b", "c"]), **columns)
        contact_sheet(store, tmp_path / f"{name}.png")
        assert Image.open(tmp_path / f"{name}.png").format == "PNG"


def test_a_sheet_that_cannot_be_written_is_one_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=r"sheet.png cannot be written: No such file or directory"):
        contact_sheet(store, tmp_path / "absent" / "sheet.png")


def test_a_store_says_what_is_wrong_with_it(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no column 'class', only pitch, yaw, landmarks, person"):
        store.column("class")
    with pytest.raises(DatasetError, match="raw holds no prepared store"):
        Store(tmp_path / "raw")
    card = json.loads((store.path / "card.json").read_text())
    for content, says in {
        "{": "card.json is not a readable card",
        "[]": "card.json is not a readable card",
        json.dumps({**card, "spec": {"task": "PoseTask"}}): "does not say what images and labels",
    }.items():
        (store.path / "card.json").write_text(content)
        with pytest.raises(DatasetError, match=says):
            Store(store.path)
    (store.path / "card.json").write_text(json.dumps({**card, "images": 13}))
    with pytest.raises(DatasetError, match=r"images.npy is uint8 \[12, 1, 2, 4\], but its card says uint8 \[13"):
        len(Store(store.path))


def test_labels_are_what_the_task_means(tmp_path: Path) -> None:
    numbers = np.arange(4)
    store = made_of(tmp_path / "gaze", np.zeros((4, 1, 2, 4), np.uint8), **columns_of(numbers))
    labels = store.labels()
    assert labels is not None
    assert labels.dtype == np.float32
    np.testing.assert_allclose(labels, np.stack([numbers, -numbers], 1) / 100, atol=1e-7)
    assert made_of(tmp_path / "bare", np.zeros((4, 1, 2, 4), np.uint8), pitch=numbers).labels() is None


def test_images_are_mapped_and_not_read(store: Store) -> None:
    assert isinstance(store.images, np.memmap)
    assert not store.images.flags.writeable
