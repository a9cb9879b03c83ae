"""Checkpoints are written beside training, and hold what was when they were asked for."""

import threading

import pytest
import torch
from toy_plugin import Shift, ShiftConfig, Toy, ToyConfig

from ganzoo.batch import image_spec
from ganzoo.errors import CheckpointError, InterruptedRunError
from ganzoo.task import GazeTask
from ganzoo.training import checkpoint
from ganzoo.training.build import build_method
from ganzoo.training.checkpoint_writer import CheckpointWriter
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.persistent_warnings import PersistentWarnings
from ganzoo.training.phases import phase_runners

DATA = Toy(ToyConfig(count=16))
SPEC = image_spec(1, 24, 40, GazeTask())
SETTINGS = {"steps": 8, "batch_size": 4, "precision": "fp32", "device": "cpu", "log_every": 100, "save_every": 4}


def toy():
    return build_method(Shift, ShiftConfig(), SPEC, seed=0, device=torch.device("cpu"))


def run(folder, observer=None, **changes):
    train(toy(), DATA.source(), DATA.target(), TrainConfig(**{**SETTINGS, **changes}), folder, observer)


def test_training_goes_on_while_a_checkpoint_is_written_and_changes_nothing_of_it(tmp_path, monkeypatch):
    write, far_enough, order = checkpoint.write, threading.Event(), []

    def slow(run_dir, step, state, keep):
        if step == 4:
            assert far_enough.wait(30), "training waits for the checkpoint"
        write(run_dir, step, state, keep)
        order.append(f"wrote {step}")

    class Watch(TrainingObserver):
        def stepped(self, step, phases, batches):
            order.append(step)
            if step == 6:
                far_enough.set()

    monkeypatch.setattr(checkpoint, "write", slow)
    run(tmp_path / "slow", Watch())
    assert order.index("wrote 4") > order.index(6)
    monkeypatch.undo()
    run(tmp_path / "usual")
    for step in (4, 8):
        slow_one, usual = toy(), toy()
        for method, name in ((slow_one, "slow"), (usual, "usual")):
            assert checkpoint.load(tmp_path / name / "checkpoints" / f"step-{step:08d}", method) == step
        assert all(torch.equal(value, usual.state_dict()[key]) for key, value in slow_one.state_dict().items())


def test_optimizers_are_copied_too(tmp_path):
    method = toy()
    runner = phase_runners(method)["shift"]
    for parameter in runner.params:
        parameter.grad = torch.ones_like(parameter)
    optimizer = runner.optimizers[0]
    optimizer.step()
    state = checkpoint.state_of(method, {"shift": optimizer})
    before = {key: value.clone() for key, value in state.optimizers["shift"]["state"][0].items()}
    optimizer.step()
    assert all(torch.equal(state.optimizers["shift"]["state"][0][key], value) for key, value in before.items())
    assert any(not torch.equal(optimizer.state_dict()["state"][0][key], value) for key, value in before.items())


def test_a_full_disk_is_said_by_the_next_line_of_the_log(tmp_path, monkeypatch):
    def full(run_dir, step, state, keep):
        raise CheckpointError("cannot save: no space left on device")

    class Watch(TrainingObserver):
        def stepped(self, step, phases, batches):
            self.last = step

    watch = Watch()
    monkeypatch.setattr(checkpoint, "write", full)
    with pytest.raises(CheckpointError, match="no space left"):
        run(tmp_path, watch, save_every=2, log_every=1)
    assert watch.last == 3


def test_an_interrupted_run_is_on_the_disk_when_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.training.signals.asked", lambda: (False, "SIGTERM"))
    with pytest.raises(InterruptedRunError, match="saved at step 1"):
        run(tmp_path)
    assert checkpoint.latest(tmp_path).name == "step-00000001"


def test_a_saver_waits_for_the_checkpoint_before(tmp_path):
    method = toy()
    saver = CheckpointWriter(tmp_path, method, {}, PersistentWarnings())
    for step in range(1, 6):
        saver.save(step, {})
    saver.wait()
    assert checkpoint.steps(tmp_path) == [4, 5]
