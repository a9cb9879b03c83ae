"""Labels other than gaze, from every kind of file, in `pair` and `images`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ganzoo_user_images.images import Images, ImagesConfig
from ganzoo_user_images.pair import Pair, PairConfig
from PIL import Image

from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.collection import open_images
from ganzoo.files.fit import Fit
from ganzoo.task import ClassTask, RegressionTask

RNG = np.random.default_rng(0)
COUNT, TALL, WIDE = 6, 8, 12
CENTERS = RNG.uniform(1, 7, (COUNT, 2))
KINDS = RNG.integers(0, 3, COUNT)


@pytest.fixture
def archive(tmp_path):
    file = tmp_path / "eyes.npz"
    mask = RNG.integers(0, 4, (COUNT, TALL, WIDE), np.uint8)
    image = RNG.integers(0, 256, (COUNT, TALL, WIDE), np.uint8)
    np.savez(file, image=image, mask=mask, iris_center=CENTERS, kind=np.arange(COUNT) % 3, age=np.arange(COUNT) + 0.5)
    return file


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "eyes"
    place.mkdir()
    for row in range(COUNT):
        Image.fromarray(RNG.integers(0, 256, (TALL, WIDE), np.uint8)).save(place / f"{row}.png")
    return place


def table(folder, header, values):
    rows = [",".join([f"{row}.png", *map(str, np.atleast_1d(value))]) for row, value in enumerate(values)]
    (folder / "labels.csv").write_text("\n".join([f"file,{header}", *reversed(rows)]) + "\n")


def read(path, name="iris_center", kind="position"):
    return open_images(path, "--source").columns(ChosenLabel(name, kind)).labels


def pair(file, **settings):
    given = {"label": "iris_center", "label_kind": "position", "source": file, "target": file, "target_test": file}
    return Pair(PairConfig(**{**given, **settings}))


def test_an_array_a_table_and_json_files_give_the_same_labels(archive, folder):
    assert np.allclose(read(archive), CENTERS)
    for row, center in enumerate(CENTERS.tolist()):
        (folder / f"{row}.json").write_text(json.dumps({"iris_center": center}))
    assert np.allclose(read(folder), CENTERS)
    table(folder, "iris_center_x,iris_center_y", CENTERS)
    assert np.allclose(read(folder), CENTERS)


def test_a_column_of_classes_of_a_table_is_read(folder):
    table(folder, "class", KINDS)
    assert (read(folder, "class", "class")[:, 0] == KINDS).all()
    data = Images(ImagesConfig(source=folder, label="class", label_kind="class"))
    assert data.task == ClassTask(int(KINDS.max()) + 1)
    assert (data.source().labels[:, 0] == KINDS).all()


def test_the_task_is_standardised_by_the_source(archive):
    task = pair(archive, target=f"{archive}[0:3]", source=f"{archive}[0:4]").task
    assert isinstance(task, RegressionTask)
    assert task.unit == "px"
    assert task.mean == pytest.approx(CENTERS[:4].mean(0), rel=1e-5)
    assert task.scale == pytest.approx(CENTERS[:4].std(0), rel=1e-5)


def test_positions_move_with_the_pixels_and_other_numbers_do_not(archive):
    halved = {"image_height": 4, "image_width": 6, "resizer": "pillow-lanczos"}
    assert np.allclose(pair(archive, **halved).source().labels, (CENTERS + 0.5) / 2 - 0.5)
    assert np.allclose(pair(archive, label_kind="number", **halved).source().labels, CENTERS)
    age = pair(archive, label="age", label_kind="number", label_unit="years", **halved)
    assert (age.task.unit, age.task.size) == ("years", 1)


def test_the_mask_is_a_column_for_metrics_alone_and_follows_the_pixels(archive):
    data = pair(archive, image_height=4, image_width=6, resizer="pillow-lanczos")
    mask = np.load(archive)["mask"]
    assert data.source().extra["mask"].shape == (COUNT, 4, 6)
    assert (data.source().extra["mask"] == mask[:, 1::2, 1::2]).all(), "the pixel at the centre, rounded down"
    assert "mask" not in data.target().unlabelled().columns()


def test_a_mask_is_cropped_as_its_image_is():
    picture = RNG.integers(0, 256, (8, 12), np.uint8)
    fit = Fit((4, 6, 1), "center-crop")
    assert (fit.mask(picture) == fit(picture[..., None])[..., 0]).all()


def test_a_target_without_the_label_is_unlabelled_and_a_source_without_it_is_refused(archive, tmp_path):
    plain = tmp_path / "plain.npz"
    np.savez(plain, image=np.load(archive)["image"])
    assert pair(archive, target=plain).target().labels is None
    with pytest.raises(DatasetError, match=r"target-test .*plain.npz has no iris_center: --label names an array"):
        pair(archive, target_test=plain).target_test()
    with pytest.raises(DatasetError, match=r"source .* has no iris_center"):
        pair(plain).source()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"label": None}, "--label-kind and --label-unit say what --label means"),
        ({"label_unit": "mm"}, "--label-unit is for --label-kind number"),
        ({"source_range": (-1, 1, -1, 1)}, "--source-range is a range of gaze"),
        ({"label": "age"}, "has 1 numbers for each image, but --label-kind position takes 2"),
        ({"label_kind": "class"}, "has 2 numbers for each image, but --label-kind class takes 1"),
        ({"label": "age", "label_kind": "class"}, r"must be integers from 0, which 6 are not \(row 0"),
        ({"label": "mask", "label_kind": "number"}, r"mask must be numbers \[6\] or \[6, k\]"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(archive, settings, said):
    with pytest.raises((ConfigError, DatasetError), match=said):
        assert pair(archive, **settings).task


def test_a_class_that_the_source_lacks_is_refused_in_the_test(archive, tmp_path):
    source = tmp_path / "few.npz"
    np.savez(source, image=np.load(archive)["image"], kind=np.arange(COUNT) % 2)
    data = pair(source, target=archive, target_test=archive, label="kind", label_kind="class")
    with pytest.raises(DatasetError, match=r"--target-test .*integers from 0 to 1, as in the source"):
        data.target_test()


def test_values_that_are_not_finite_are_named(tmp_path, archive):
    broken = CENTERS.copy()
    broken[2, 1] = np.nan
    np.savez(tmp_path / "broken.npz", image=np.load(archive)["image"], iris_center=broken)
    with pytest.raises(DatasetError, match=r"iris_center must be finite numbers, which 1 are not \(row 2\)"):
        read(tmp_path / "broken.npz")


def test_without_the_setting_nothing_changes(archive):
    config = PairConfig(source=archive, target=archive)
    assert not {"label", "label_kind", "label_unit"} & {*config.model_dump(exclude_none=True)}, (
        "cells keep their identity"
    )
