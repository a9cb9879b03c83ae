"""Runs whose data, plugin files or folders lie elsewhere than when they began."""

import json
import os
import shutil
import tomllib

import numpy as np
import pytest
from conftest import TOY
from toy_plugin import discs

import ganzoo as package
from ganzoo.discovery.registry import registry
from ganzoo.errors import UnknownNameError

SETTINGS = ("--steps", 2, "--batch-size", 4, "--device", "cpu", "--metrics", "fid", "--fid-extractors", "pixels")
DATA = ("--dataset", "pair", "--source", "data/source.npz", "--target", "data/target.npz")


def write(file, seed, brightness):
    images, gaze = discs(16, seed, brightness)
    np.savez(file, image=images[:, 0], gaze_pitchyaw=gaze)


@pytest.fixture
def forget():
    """As in a new process: no plugin file has been loaded."""
    plugins, found = list(registry().plugins), {kind: dict(known) for kind, known in registry().found.items()}

    def call():
        registry().plugins = [plugin for plugin in plugins if not plugin.file]
        for kind, names in registry().found.items():
            own = {name for plugin in registry().plugins for name in plugin.adds.get(kind, ())}
            registry().found[kind] = {name: cls for name, cls in names.items() if name in own}

    call()
    yield call
    registry().plugins, registry().found = plugins, found


@pytest.fixture
def project(ganzoo, forget, tmp_path):
    """A run in project/runs/a, of data and a plugin that were named by relative paths."""
    place = tmp_path / "project"
    (place / "data").mkdir(parents=True)
    os.chdir(place)  # `ganzoo` has changed the folder for this test
    shutil.copy(TOY, "mine.py")
    write("data/source.npz", 0, 220)
    write("data/target.npz", 1, 120)
    result = ganzoo("run", "shift", "--plugin", "./mine.py", *DATA, *SETTINGS, "--out", "runs/a")
    assert result.exit_code == 0, result.output
    forget()
    return place


def score(file):
    return [each["value"] for each in json.loads(file.read_text())["scores"]]


def test_a_run_made_with_relative_paths_is_measured_from_anywhere(ganzoo, project, tmp_path):
    before = score(project / "runs/a/metrics.json")
    os.chdir(tmp_path)
    result = ganzoo("evaluate", "project/runs/a")
    assert result.exit_code == 0, result.output
    assert score(project / "runs/a/metrics.json") == before


def test_data_that_moved_are_named_and_recognised(ganzoo, project):
    before = score(project / "runs/a/metrics.json")
    (project / "data/source.npz").rename(project / "new.npz")
    assert "--source" in ganzoo("evaluate", "runs/a").output
    result = ganzoo("evaluate", "runs/a", "--source", "new.npz")
    assert result.exit_code == 0, result.output
    assert score(project / "runs/a/metrics.json") == before


def test_other_data_are_refused(ganzoo, project):
    write("data/other.npz", 5, 220)
    before = (project / "runs/a/metrics.json").read_text()
    result = ganzoo("evaluate", "runs/a", "--source", "data/other.npz")
    assert result.exit_code == 2
    assert "data/other.npz: not the images and labels with which runs/a began (source differ)" in result.output
    assert (project / "runs/a/metrics.json").read_text() == before


def test_other_labels_of_the_same_images_are_refused(ganzoo, project):
    with np.load("data/source.npz") as arrays:
        np.savez("data/other.npz", image=arrays["image"], gaze_pitchyaw=arrays["gaze_pitchyaw"] + 0.1)
    assert "(source differ)" in ganzoo("evaluate", "runs/a", "--source", "data/other.npz").output


def test_data_that_changed_in_their_place_are_said(ganzoo, project):
    write("data/source.npz", 5, 220)
    with pytest.warns(UserWarning, match=r"not the images and labels .*\(source differ\)"):
        assert ganzoo("evaluate", "runs/a").exit_code == 0


def test_data_that_moved_together_with_the_run_are_found(ganzoo, project, tmp_path):
    project.rename(tmp_path / "elsewhere")
    os.chdir(tmp_path)
    result = ganzoo("evaluate", "elsewhere/runs/a", "--plugin", "elsewhere/mine.py")
    assert result.exit_code == 0, result.output


def test_a_run_goes_on_with_data_that_moved_and_remembers_where(ganzoo, project):
    (project / "data/source.npz").rename(project / "new.npz")
    (project / "runs/a/metrics.json").unlink()
    data = ("--dataset", "pair", "--source", "new.npz", "--target", "data/target.npz")
    result = ganzoo("run", "shift", "--plugin", "mine.py", *data, *SETTINGS, "--out", "runs/a")
    assert result.exit_code == 0, result.output
    settings = tomllib.loads((project / "runs/a/run.toml").read_text())
    assert settings["dataset"]["source"] == str(project / "new.npz")
    assert ganzoo("evaluate", "runs/a").exit_code == 0


def test_a_finished_run_is_not_shown_for_other_data(ganzoo, project):
    write("data/other.npz", 5, 220)
    data = ("--dataset", "pair", "--source", "data/other.npz", "--target", "data/target.npz")
    result = ganzoo("run", "shift", "--plugin", "mine.py", *data, *SETTINGS, "--out", "runs/a")
    assert result.exit_code == 2
    assert "not the images and labels" in result.output


def test_every_command_loads_the_plugin_file_of_the_run(ganzoo, project, forget):
    assert ganzoo("refine", "runs/a", "--input", "data/source.npz", "--output", "refined").exit_code == 0
    forget()
    assert ganzoo("export", "runs/a", "--format", "safetensors").exit_code == 0
    forget()
    assert package.load("runs/a", device="cpu").method.name == "shift"
    forget()
    assert ganzoo("run", "shift", "--config", "runs/a/run.toml", "--out", "runs/b").exit_code == 0


def test_a_changed_plugin_file_is_said(ganzoo, project):
    with (project / "mine.py").open("a") as file:
        file.write("# changed")
    with pytest.warns(UserWarning, match=r"mine\.py has changed since runs/a began"):
        assert ganzoo("evaluate", "runs/a").exit_code == 0


def test_a_run_that_goes_on_with_a_changed_plugin_file_says_so(ganzoo, project):
    with (project / "mine.py").open("a") as file:
        file.write("# changed")
    (project / "runs/a/metrics.json").unlink()
    with pytest.warns(UserWarning, match=r"mine\.py has changed since runs/a began"):
        result = ganzoo("run", "shift", "--plugin", "mine.py", *DATA, *SETTINGS, "--out", "runs/a")
    assert result.exit_code == 0


def test_the_options_of_the_data_of_a_run_are_in_its_help(ganzoo, project):
    text = " ".join(ganzoo("evaluate", "runs/a", "--help").output.split())
    assert "--source PATH Labelled synthetic images for training" in text
    assert "--target-test PATH" in text


def test_a_plugin_file_that_is_gone_is_named_with_the_option(ganzoo, project):
    (project / "mine.py").rename(project / "yours.py")
    with pytest.raises(
        UnknownNameError, match=r"started with --plugin .*project/mine\.py.*name the file with --plugin"
    ):
        package.load("runs/a")
    assert package.load("runs/a", plugins="yours.py").method.name == "shift"


def test_a_run_folder_brings_no_code_that_runs_by_itself(ganzoo, project):
    file, settings = project / "runs/a/mine.py", project / "runs/a/run.toml"
    (project / "mine.py").rename(file)
    settings.write_text(settings.read_text().replace(str(project / "mine.py"), str(file)))
    with pytest.raises(UnknownNameError, match="it is in the run folder"):
        package.load("runs/a")


def test_a_damaged_origin_is_said(ganzoo, project):
    settings = project / "runs/a/run.toml"
    settings.write_text(settings.read_text().replace("ends = []", "ends = 3"))
    result = ganzoo("evaluate", "runs/a")
    assert result.exit_code == 2
    assert "[origin] ends is not what ganzoo writes there" in result.output
