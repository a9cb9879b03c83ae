"""When a warning ends a run."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from toy_plugin import Shift, ShiftConfig, Toy, ToyConfig

from ganzoo.batch import image_spec
from ganzoo.errors import CollapseError, DivergenceError
from ganzoo.task import GazeTask
from ganzoo.training import checkpoint
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.persistent_warnings import PersistentWarnings, kind_of

DATA = Toy(ToyConfig(count=16))


class Warned(Shift):
    """Warns from its update FROM on, save at one line where it recovers."""

    begins, recovers = 9, 0

    def diagnose(self, means):
        now = int(self.updates)
        if now < self.begins or now == self.recovers:
            return []
        return [f"Mode collapse: {means['shift/moments']:.3f} after {now} updates; lower --lr."]


class Log(TrainingObserver):
    def __init__(self):
        self.steps = []

    def logged(self, step, means, warnings):
        self.steps.append(step)


def method_of(cls):
    return build_method(cls, ShiftConfig(), image_spec(1, 24, 40, GazeTask()), seed=0, device=torch.device("cpu"))


def run(folder=None, cls=Warned, **changes):
    settings = {"steps": 40, "batch_size": 4, "precision": "fp32", "log_every": 2, "save_every": 8, "device": "cpu"}
    settings |= {"stop_on_collapse": True, "collapse_steps": 10, **changes}
    log = Log()
    train(method_of(cls), DATA.source(), DATA.target(), TrainConfig(**settings), folder, log)
    return log


def saved(folder):
    return checkpoint.steps(folder)


def test_a_warning_that_stands_ends_the_run_with_its_numbers_and_the_last_good_checkpoint(tmp_path):
    with pytest.raises(CollapseError) as ended:
        run(tmp_path)
    said = str(ended.value)
    assert "stopped at step 20 by --stop-on-collapse" in said
    assert "each of the 6 lines of the log since step 10" in said
    assert "after 20 updates; lower --lr" in said
    assert f"last good checkpoint is that of step 8 ({tmp_path}/checkpoints/step-00000008)" in said
    assert 8 in saved(tmp_path)


def test_the_last_checkpoint_from_before_stays_however_long_a_warning_stands(tmp_path):
    run(tmp_path, stop_on_collapse=False)
    assert saved(tmp_path) == [8, 32, 40]


def test_a_checkpoint_is_let_go_when_its_warning_stands_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(Warned, "recovers", 34)
    run(tmp_path, stop_on_collapse=False)
    assert saved(tmp_path) == [32, 40]


@pytest.mark.parametrize("stopped_at", [8, 16])
def test_a_resumed_run_ends_at_the_same_step(tmp_path, stopped_at):
    with pytest.raises(CollapseError) as whole:
        run(tmp_path / "a", save_every=8)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for step in saved(tmp_path / "b"):
        if step > stopped_at:
            shutil.rmtree(checkpoint.folder(tmp_path / "b") / f"step-{step:08d}")
    with pytest.raises(CollapseError) as resumed:
        run(tmp_path / "b")
    assert str(resumed.value).replace("/b/", "/a/") == str(whole.value)


def test_without_the_option_the_same_folder_goes_on_to_the_end(tmp_path):
    with pytest.raises(CollapseError):
        run(tmp_path)
    assert run(tmp_path, stop_on_collapse=False).steps[-1] == 40


def test_a_warning_that_recovers_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(Warned, "recovers", 18)
    with pytest.raises(CollapseError, match=r"stopped at step 30 .* since step 20"):
        run(tmp_path)


def test_a_run_that_comes_to_its_end_is_not_ended_before(tmp_path):
    assert run(tmp_path, steps=20).steps[-1] == 20


def test_one_or_two_lines_are_no_collapse_however_many_steps_they_cover():
    standing = PersistentWarnings()
    for step in (100, 2_000):
        standing.heed(step, ["Dark: 1."])
        assert standing.longer_than(1_000, step) is None
    standing.heed(2_100, ["Dark: 2."])
    assert standing.longer_than(1_000, 2_100).last == "Dark: 2."


def test_kinds_are_told_apart_by_their_words_and_not_by_their_numbers():
    assert kind_of("Mode collapse: 0.04 times; raise x.") == kind_of("Mode collapse: 1e-05 times; raise x.")
    assert kind_of("Saturated: 99 %.") != kind_of("Mode collapse: 99 %.")
    standing = PersistentWarnings()
    standing.heed(10, ["Dark: 1.", "Saturated: 3."])
    standing.heed(20, ["Saturated: 4."])
    assert standing.state() == {"Saturated": [10, 2, "Saturated: 4."]}
    again = PersistentWarnings()
    again.restore(json.loads(json.dumps(standing.state())))
    assert again.known == standing.known


def test_divergence_names_the_last_good_checkpoint_and_what_to_try(tmp_path):
    broken = build_method(
        Shift, ShiftConfig(explode_at=11), image_spec(1, 24, 40, GazeTask()), seed=0, device=torch.device("cpu")
    )
    settings = TrainConfig(steps=20, batch_size=4, precision="bf16", log_every=2, save_every=4, device="cpu")
    with pytest.raises(DivergenceError) as ended:
        train(broken, DATA.source(), DATA.target(), settings, tmp_path)
    said = str(ended.value)
    assert "shift/moments not finite by step 10" not in said
    assert "shift/moments not finite by step 12" in said
    assert f"the last good checkpoint is that of step 8 ({tmp_path}/checkpoints/step-00000008)" in said
    assert said.endswith("Try --lr below 0.02, or --precision fp32")
