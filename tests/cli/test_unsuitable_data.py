"""A method on data that it cannot read: one sentence, exit code 2, and no run folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

PLUGIN = """
from ganzoo import hookimpl
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.task import ClassTask


class Base(Method):
    summary, paper, Config = "Test.", "", Settings

    def phases(self):
        return {}


class Classes(Base):
    name = "classes-only"
    tasks = (ClassTask,)


class Paired(Base):
    name = "paired-only"
    paired = True


class Mirrors(Base):
    name = "needs-masks"
    reads = ("source", "source_mirror")


class Pupils(Base):
    name = "needs-pupils"
    reads = ("source", "source_pupil_center")


class Large(Base):
    name = "needs-large-images"
    reads = ("target",)

    @classmethod
    def declines(cls, config, spec):
        return "takes images of 64 x 64 pixels and more" if spec.height < 64 else ""


@hookimpl
def ganzoo_methods():
    return [Classes, Paired, Mirrors, Pupils, Large]
"""
POINTS = ("--size", 50, "--test-size", 20)


@pytest.fixture
def eyes(tmp_path):
    """Labelled eyes without pupils."""
    random = np.random.default_rng(0)
    pixels, gaze = random.integers(0, 255, (12, 16, 20), np.uint8), random.uniform(-0.2, 0.2, (12, 2))
    np.savez(tmp_path / "eyes.npz", image=pixels, gaze_pitchyaw=gaze)
    return ("--source", tmp_path / "eyes.npz", "--target", tmp_path / "eyes.npz")


@pytest.fixture
def run(ganzoo, tmp_path):
    """Run a method; the sentence, after a look at the exit code and the folder."""
    (tmp_path / "plugin.py").write_text(PLUGIN)

    def call(method, *arguments):
        plugin = ("--plugin", tmp_path / "plugin.py")
        result = ganzoo("run", method, *arguments, *plugin, "--steps", 0, "--out", "out")
        said = " ".join(result.output.split())
        assert result.exit_code == 2, said
        assert not (tmp_path / "out").exists()
        assert "Traceback" not in said
        assert said.count("rror:") == 1, said
        return said

    return call


@pytest.mark.parametrize("method", ["dcgan", "cyclegan", "simgan", "adabn", "histogram-matching"])
@pytest.mark.parametrize("dataset", ["ring", "grid", "spiral"])
def test_methods_of_images_decline_points(run, method, dataset):
    said = run(method, "--dataset", dataset, *POINTS)
    assert method in said
    assert "reads images, and the target of these data holds vectors of 2 numbers" in said or (
        "reads source samples" in said and "these data have only target samples" in said
    )
    assert f"(dataset {dataset})" in said


def test_a_method_of_classes_declines_gaze(run, eyes):
    assert "classes-only works on the task class, and these data have the task gaze" in run(
        "classes-only", "--dataset", "pair", *eyes
    )


def test_a_method_of_classes_declines_gaze_before_an_eye_is_drawn(run, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    assert "these data have the task gaze (dataset eyes)" in run("classes-only", "--dataset", "eyes")
    assert not list((tmp_path / "cache").glob("datasets/*"))


def test_a_method_of_pairs_declines_unpaired_rows(run, eyes):
    said = run("paired-only", "--dataset", "pair", *eyes)
    assert "paired-only reads paired rows, and the source and target of these data are not paired" in said


def test_a_labelled_set_of_images_is_not_paired_with_itself(run, eyes):
    assert "are not paired" in run("paired-only", "--dataset", "images", *eyes[:2])


@pytest.mark.parametrize(
    ("method", "column"), [("needs-masks", "source_mirror"), ("needs-pupils", "source_pupil_center")]
)
def test_a_column_that_the_data_lack_is_named_beside_those_they_have(run, eyes, method, column):
    said = run(method, "--dataset", "pair", *eyes)
    assert f"{method} reads the column {column}, and these data have only source samples, source labels" in said


def test_what_a_method_says_itself_of_the_data_is_shown(run, eyes):
    said = run("needs-large-images", "--dataset", "images", *eyes[:2])
    assert "needs-large-images takes images of 64 x 64 pixels and more (dataset images)" in said


def test_pupils_of_eyes_can_be_read(ganzoo, tmp_path):
    """The spec of `eyes` has the further columns, so the method that is declined above is not declined here."""
    (tmp_path / "plugin.py").write_text(PLUGIN)
    sizes = ("--source-size", 8, "--source-test-size", 4, "--target-size", 8, "--target-test-size", 4)
    result = ganzoo("run", "needs-pupils", "--dataset", "eyes", *sizes, "--plugin", tmp_path / "plugin.py",
                    "--steps", 0, "--metrics", "none", "--out", "out")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["dataset"] == "eyes"


def test_a_run_on_points_can_be_declined_in_a_bench_and_the_others_go_on(ganzoo):
    result = ganzoo("bench", "--dataset", "ring", "--methods", "gan,dcgan", "--steps", 3, "--dry-run")
    said = " ".join(result.output.split())
    assert result.exit_code == 0, said
    assert "dcgan reads images, and the target of these data holds vectors of 2 numbers" in said
