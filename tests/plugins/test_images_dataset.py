"""Facts of the dataset of one image set."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ganzoo_images import Images, ImagesConfig

from ganzoo.errors import ConfigError
from ganzoo.task import GazeTask, NoTask


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


TINY = ("--batch-size", 4, "--width", 16, "--metrics", "reconstruction")


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
