"""Facts of the dataset of one image set."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from ganzoo_user_images.images import Images, ImagesConfig

from ganzoo.batch import set_spec
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.archive import Piece
from ganzoo.stores.writer import StoreWriter
from ganzoo.task import ClassTask, GazeTask, NoTask
from ganzoo.testing import CheckSkipped, configured, generate_checks


@pytest.fixture
def plain(tmp_path):
    np.savez(tmp_path / "plain.npz", image=np.random.default_rng(0).integers(0, 255, (12, 8, 10), np.uint8))
    return tmp_path / "plain.npz"


@pytest.fixture
def labelled(tmp_path):
    random = np.random.default_rng(0)
    pixels, gaze = random.integers(0, 255, (12, 8, 10), np.uint8), random.uniform(-0.2, 0.2, (12, 2))
    np.savez(tmp_path / "labelled.npz", image=pixels, gaze_pitchyaw=gaze.astype(np.float32))
    return tmp_path / "labelled.npz"


def test_a_set_without_labels_is_a_target_alone(plain):
    data = Images(ImagesConfig(source=plain))
    assert isinstance(data.task, NoTask)
    assert data.source() is None
    assert list(data.spec().columns) == ["target"]


def test_a_labelled_set_is_a_source_as_well_so_that_its_labels_may_be_learned_from(labelled):
    data = Images(ImagesConfig(source=labelled))
    assert isinstance(data.task, GazeTask)
    assert {"source", "source_label", "target"} <= set(data.spec().columns)
    assert np.array_equal(data.source().images, data.target().images)


def test_held_out_images_are_read_by_metrics_alone(plain):
    data = Images(ImagesConfig(source=f"{plain}[0:8]", test=f"{plain}[8:12]"))
    assert (len(data.target()), len(data.target_test())) == (8, 4)


def test_without_images_it_says_what_it_needs():
    with pytest.raises(ConfigError, match="dataset images needs --source"):
        Images(ImagesConfig()).spec()


@pytest.fixture
def class_store(tmp_path):
    """A prepared store of 30 images of three classes; each shows its class as a grey level, and its row in a corner."""
    classes = np.arange(30) % 3
    images = np.broadcast_to(classes[:, None, None, None] * 40, (30, 1, 8, 10)).astype(np.uint8)
    images[:, 0, -1, -1] = np.arange(30)
    writer = StoreWriter(tmp_path / "store", {}, (1, 8, 10))
    with writer.open():
        writer.write("all", Piece(images, {"class": classes.astype(np.int64)}))
    writer.finish({"name": "store", "license": "none", "spec": set_spec(1, 8, 10, ClassTask(3)).as_table()})
    return tmp_path / "store"


def test_classes_of_a_store_are_labels_row_for_row(class_store):
    data = Images(ImagesConfig(source=f"{class_store}[1:20:2]", test=f"{class_store}[20:]"))
    assert data.task == ClassTask(3)
    for domain in (data.source(), data.source_test(), data.target_test()):
        assert np.array_equal(domain.labels[:, 0] * 40, domain.images[:, 0, 0, 0])
    assert len(data.source()) == 10


def test_a_labelled_target_still_reaches_an_oracle_alone(labelled):
    assert Images(ImagesConfig(source=labelled)).target().unlabelled().labels is None


def test_labels_of_the_test_must_mean_what_those_of_the_set_mean(class_store, tmp_path):
    random = np.random.default_rng(0)
    gaze = random.uniform(-0.2, 0.2, (4, 2))
    np.savez(tmp_path / "gaze.npz", image=random.integers(0, 255, (4, 8, 10), np.uint8), gaze_pitchyaw=gaze)
    with pytest.raises(DatasetError, match="has labels of the task gaze, and --source has those of class"):
        Images(ImagesConfig(source=class_store, test=tmp_path / "gaze.npz")).target_test()


def test_labels_of_the_test_are_not_read_if_the_set_has_none(plain, labelled):
    assert Images(ImagesConfig(source=plain, test=labelled)).target_test().labels is None


def test_the_card_counts_held_out_images_that_were_learned_from(plain):
    card = Images(ImagesConfig(source=f"{plain}[0:8]", test=f"{plain}[6:12]")).card()
    assert card["test_images_also_in_source"] == 2
    assert (card["source"]["images"], card["source"]["labelled"], card["task"]) == (8, False, "none")


def test_test_images_are_brought_to_the_size_of_the_set(plain, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, image=np.zeros((3, 16, 20), np.uint8))
    with pytest.raises(DatasetError, match="--resizer"):
        Images(ImagesConfig(source=plain, test=other)).target_test()
    fitted = Images(ImagesConfig(source=plain, test=other, resizer="pillow-bilinear")).target_test()
    assert fitted.images.shape == (3, 1, 8, 10)


@pytest.mark.parametrize("kind", ["plain", "labelled", "class_store"])
def test_it_keeps_the_contract_of_datasets(kind, request):
    file = request.getfixturevalue(kind)
    for plugin, check in generate_checks([configured(Images, source=f"{file}[0:8]", test=f"{file}[8:]")]):
        with suppress(CheckSkipped):
            check(plugin)


def test_aae_learns_a_folder_of_images_from_the_command_line(ganzoo, tmp_path, plain):
    arguments = ("--dataset", "images", "--source", f"{plain}[0:8]", "--test", f"{plain}[8:12]", "--out", "out")
    result = ganzoo(
        "run", "aae", *arguments, "--steps", 3, "--batch-size", 4, "--width", 16, "--metrics", "reconstruction"
    )
    assert result.exit_code == 0, result.output
    scores = {
        (each["name"], each["subject"]) for each in json.loads((tmp_path / "out/metrics.json").read_text())["scores"]
    }
    assert {("ssim", "method"), ("psnr_db", "mean"), ("reconstruction_mae", "method")} <= scores


def test_a_method_that_needs_labels_declines_a_set_without_any(ganzoo, tmp_path, plain):
    result = ganzoo("run", "source-only", "--dataset", "images", "--source", plain, "--steps", 3, "--out", "out")
    assert result.exit_code == 2
    assert "source-only reads source samples, source labels, and these data have only target samples" in result.output
    assert not (tmp_path / "out").exists()
