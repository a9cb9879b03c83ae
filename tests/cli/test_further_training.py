"""Training past the planned end, and from the weights of another run."""

import json
import tomllib

import pytest
from conftest import TOY
from safetensors.torch import load_file

RUN = ("run", "shift", "--plugin", TOY, "--dataset", "toy", "--count", 16, "--batch-size", 4, "--save-every", 2)
RUN = (*RUN, "--device", "cpu", "--metrics", "none")


def run(ganzoo, out, steps, *options):
    return ganzoo(*RUN, "--steps", steps, "--out", out, *options)


def weights(folder, step):
    return load_file(folder / "checkpoints" / f"step-{step:08d}" / "parameters.safetensors")["scale.weight"]


def test_more_steps_go_on_from_the_end_of_a_finished_run(ganzoo, tmp_path):
    run(ganzoo, "out", 4)
    result = run(ganzoo, "out", 6)
    assert result.exit_code == 0, result.output
    assert "resuming from step 4 of 6" in result.output
    settings = tomllib.loads((tmp_path / "out/run.toml").read_text())
    assert settings["train"]["steps"] == 6
    assert settings["origin"]["ends"] == [4]


def test_a_method_without_a_schedule_learns_as_if_the_end_had_been_later(ganzoo, tmp_path):
    run(ganzoo, "out", 4)
    run(ganzoo, "out", 6)
    run(ganzoo, "whole", 6)
    assert (weights(tmp_path / "out", 6) == weights(tmp_path / "whole", 6)).all()


def test_scores_of_the_earlier_end_are_kept_and_new_ones_say_it(ganzoo, tmp_path):
    run(ganzoo, "out", 4)
    old = (tmp_path / "out/metrics.json").read_text()
    run(ganzoo, "out", 6)
    assert (tmp_path / "out/metrics-step-00000004.json").read_text() == old
    new = json.loads((tmp_path / "out/metrics.json").read_text())
    assert new["step"] == 6
    assert new["ended_before_at"] == [4]


def test_the_command_with_more_steps_resumes(ganzoo, tmp_path):
    run(ganzoo, "out", 4)
    run(ganzoo, "out", 8)
    (tmp_path / "out/metrics.json").unlink()
    for file in (tmp_path / "out/checkpoints/step-00000008").iterdir():
        file.unlink()
    with pytest.warns(UserWarning, match="damaged"):
        result = run(ganzoo, "out", 8)
    assert "resuming from step 6 of 8" in result.output
    assert tomllib.loads((tmp_path / "out/run.toml").read_text())["origin"]["ends"] == [4]


def test_steps_are_raised_at_the_end_alone(ganzoo, tmp_path):
    run(ganzoo, "out", 4)
    for file in (tmp_path / "out/checkpoints/step-00000004").iterdir():
        file.unlink()
    with pytest.warns(UserWarning, match="damaged"):
        result = run(ganzoo, "out", 6)
    assert result.exit_code == 2
    assert "--steps can be raised when the run is finished" in result.output


def test_fewer_steps_are_another_run(ganzoo):
    run(ganzoo, "out", 4)
    result = run(ganzoo, "out", 2)
    assert result.exit_code == 2
    assert "train.steps: 4 -> 2" in result.output
    assert "can be raised" not in result.output


def test_a_run_begins_with_the_weights_of_another(ganzoo, tmp_path):
    run(ganzoo, "first", 4)
    result = run(ganzoo, "second", 2, "--from", "first", "--lr", 1e-30)
    assert result.exit_code == 0, result.output
    assert (weights(tmp_path / "second", 2) == weights(tmp_path / "first", 4)).all()
    settings = tomllib.loads((tmp_path / "second/run.toml").read_text())
    assert settings["run"]["from"] == str(tmp_path / "first")
    assert settings["origin"]["weights"]["step"] == 4
    assert json.loads((tmp_path / "second/metrics.json").read_text())["from"]["step"] == 4


def test_a_resumed_run_needs_the_other_one_no_more(ganzoo, tmp_path):
    run(ganzoo, "first", 4)
    run(ganzoo, "second", 4, "--from", "first")
    whole = weights(tmp_path / "second", 4)
    (tmp_path / "first").rename(tmp_path / "away")
    (tmp_path / "second/metrics.json").unlink()
    for file in (tmp_path / "second/checkpoints/step-00000004").iterdir():
        file.unlink()
    with pytest.warns(UserWarning, match="damaged"):
        assert run(ganzoo, "second", 4, "--from", "first").exit_code == 0
    assert (weights(tmp_path / "second", 4) == whole).all()


def test_the_run_toml_given_back_begins_with_the_same_weights(ganzoo, tmp_path):
    run(ganzoo, "first", 4)
    run(ganzoo, "second", 2, "--from", "first")
    result = ganzoo("run", "shift", "--plugin", TOY, "--config", "second/run.toml", "--out", "third")
    assert result.exit_code == 0, result.output
    assert (weights(tmp_path / "third", 2) == weights(tmp_path / "second", 2)).all()


def test_what_cannot_begin_so_is_refused_before_there_is_a_folder(ganzoo, tmp_path):
    run(ganzoo, "first", 2)
    dcgan = ("run", "dcgan", "--plugin", TOY, "--dataset", "toy", "--count", 16, "--batch-size", 4, "--levels", 2)
    dcgan = (*dcgan, "--steps", 1, "--metrics", "none", "--device", "cpu")
    assert ganzoo(*dcgan, "--width", 4, "--out", "small").exit_code == 0
    for giver, words in (
        ("first", "is a run of shift, and this is dcgan; it must be the same method"),
        ("small", "weights do not fit this dcgan; these differ: method.width: 4 -> 8"),
        ("nowhere", "nowhere holds no run"),
    ):
        result = ganzoo(*dcgan, "--width", 8, "--from", giver, "--out", "new")
        assert result.exit_code == 2
        assert words in result.output
        assert "Traceback" not in result.output
        assert not (tmp_path / "new").exists()


def test_a_run_does_not_begin_with_its_own_weights(ganzoo):
    run(ganzoo, "out", 2)
    result = run(ganzoo, "out", 2, "--from", "out")
    assert result.exit_code == 2
