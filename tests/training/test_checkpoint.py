import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim import Adam
from toy_plugin import Shift, ShiftConfig

from ganzoo.batch import DataSpec, image_spec
from ganzoo.errors import CheckpointError
from ganzoo.settings import Settings
from ganzoo.task import GazeTask
from ganzoo.training import checkpoint
from ganzoo.training.checkpoint_validation import restore_optimizer

SPEC = image_spec(1, 24, 40, GazeTask())


def trained():
    """A method and its optimizer after one update."""
    method = Shift(ShiftConfig(), SPEC)
    optimizer = Adam(method.parameters())
    method.scale(torch.ones(1, 1, 3, 3)).sum().backward()
    optimizer.step()
    method.updates.fill_(3)
    return method, {"shift": optimizer}


def test_everything_comes_back(tmp_path):
    method, optimizers = trained()
    checkpoint.save(tmp_path, 12, method, optimizers)
    other, theirs = Shift(ShiftConfig(), SPEC), {"shift": Adam(method.parameters())}
    assert checkpoint.load(checkpoint.latest(tmp_path), other, theirs) == 12
    for name, tensor in method.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])
    before, after = optimizers["shift"].state_dict(), theirs["shift"].state_dict()
    assert before["param_groups"] == after["param_groups"]
    assert torch.equal(before["state"][0]["exp_avg"], after["state"][0]["exp_avg"])


def test_nothing_saved_is_none(tmp_path):
    assert checkpoint.latest(tmp_path) is None


def test_the_newest_two_are_kept(tmp_path):
    method, optimizers = trained()
    for step in (1, 2, 3, 4):
        checkpoint.save(tmp_path, step, method, optimizers)
    assert sorted(path.name for path in checkpoint.folder(tmp_path).iterdir()) == ["step-00000003", "step-00000004"]


@pytest.mark.parametrize("file", ["parameters.safetensors", "buffers-0.safetensors", "optimizers.pt", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "delete"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, file, damage):
    method, optimizers = trained()
    checkpoint.save(tmp_path, 1, method, optimizers)
    checkpoint.save(tmp_path, 2, method, optimizers)
    path = checkpoint.folder(tmp_path) / "step-00000002" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    if damage == "delete":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    with pytest.warns(UserWarning, match=r"step-00000002 is damaged"):
        assert checkpoint.latest(tmp_path).name == "step-00000001"


def test_a_checkpoint_that_was_not_finished_is_not_seen(tmp_path):
    method, optimizers = trained()
    checkpoint.save(tmp_path, 1, method, optimizers)
    (checkpoint.folder(tmp_path) / "step-00000002.partial").mkdir()
    assert checkpoint.latest(tmp_path).name == "step-00000001"
    checkpoint.save(tmp_path, 2, method, optimizers)
    assert checkpoint.latest(tmp_path).name == "step-00000002"


class Other(Shift):
    name = "other"


class Wide(Shift):
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.scale = nn.Conv2d(1, 2, 1)


@pytest.mark.parametrize(("cls", "words"), [(Other, "holds the method 'shift'"), (Wide, "does not fit this run")])
def test_a_checkpoint_of_another_method_or_size_is_refused(tmp_path, cls, words):
    checkpoint.save(tmp_path, 1, *trained())
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(checkpoint.latest(tmp_path), cls(ShiftConfig(), SPEC))


def test_a_run_of_more_processes_is_not_resumed_by_fewer(tmp_path, monkeypatch):
    method, optimizers = trained()
    monkeypatch.setattr("ganzoo.system.dist.world", lambda: 2)

    def the_other_process_saves_meanwhile():
        for buffers in tmp_path.rglob("*.partial/buffers-0.safetensors"):
            (buffers.parent / "buffers-1.safetensors").write_bytes(buffers.read_bytes())

    monkeypatch.setattr("ganzoo.system.dist.barrier", the_other_process_saves_meanwhile)
    checkpoint.save(tmp_path, 1, method, optimizers)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="saved by 2 processes but 1 are running"):
        checkpoint.load(checkpoint.latest(tmp_path), method, optimizers)


def test_loading_runs_no_code(tmp_path):
    method, optimizers = trained()
    checkpoint.save(tmp_path, 1, method, optimizers)
    path = checkpoint.latest(tmp_path)
    evil = tmp_path / "evil"

    class Bomb:
        def __reduce__(self):
            return evil.touch, ()

    torch.save({"shift": Bomb()}, path / "optimizers.pt")
    with pytest.raises(CheckpointError, match="does not fit"):
        checkpoint.load(path, method, optimizers)
    assert not evil.exists()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_checkpoint import Wide, SPEC, ShiftConfig, checkpoint, Adam
method = Wide(ShiftConfig(), SPEC)
checkpoint.save(Path({folder!r}), 1, method, {{}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))  # from here on every write beyond 64 bytes fails
try:
    checkpoint.save(Path({folder!r}), 2, method, {{}})
except checkpoint.CheckpointError as error:
    print(error)
print(checkpoint.latest(Path({folder!r})).name)
"""


def test_a_disk_that_refuses_is_said_and_the_last_checkpoint_is_kept(tmp_path):
    code = FULL_DISK.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": tests}
    )
    sentence, newest = done.stdout.splitlines()
    assert "step-00000002: " in sentence
    assert "earlier checkpoints are kept" in sentence
    assert newest == "step-00000001"


def test_a_manifest_of_another_format_is_refused(tmp_path):
    method, optimizers = trained()
    checkpoint.save(tmp_path, 1, method, optimizers)
    path = checkpoint.latest(tmp_path)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoint.load(path, method, optimizers)


class Normed(Shift):
    """BatchNorm has buffers that are saved and a non-persistent one that is not."""

    def __init__(self, config: Settings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.norm = nn.BatchNorm2d(1)
        self.register_buffer("scratch", torch.zeros(3), persistent=False)


def test_buffers_that_do_not_persist_are_left_out(tmp_path):
    make = partial(Normed, ShiftConfig(), SPEC)
    checkpoint.save(tmp_path, 1, make(), {})
    assert checkpoint.load(checkpoint.latest(tmp_path), make()) == 1


def test_a_manifest_of_another_step_or_of_fewer_files_is_damage(tmp_path):
    method, optimizers = trained()
    for step, change in ((1, {}), (2, {"step": 7}), (3, {"sha256": {}}), (4, {"world": 2})):
        checkpoint.save(tmp_path, step, method, optimizers)
        manifest = checkpoint.folder(tmp_path) / f"step-{step:08d}" / "manifest.json"
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **change}))
        if step > 1:
            with pytest.warns(UserWarning, match="is damaged"):
                newest = checkpoint.latest(tmp_path)
            assert (newest.name if newest else None) == ("step-00000001" if step == 2 else None)


def test_what_an_optimizer_remembers_must_fit_and_its_settings_are_those_of_the_run(tmp_path):
    _, optimizers = trained()
    whole = optimizers["shift"].state_dict()
    other = Adam(Shift(ShiftConfig(), SPEC).parameters(), lr=0.5)
    restore_optimizer("shift", other, {**whole, "param_groups": [{**whole["param_groups"][0], "betas": "no numbers"}]})
    assert other.param_groups[0]["betas"] == (0.9, 0.999)
    assert torch.equal(other.state_dict()["state"][0]["exp_avg"], whole["state"][0]["exp_avg"])
    for wrong in ({"exp_avg": torch.zeros(9)}, {"exp_avg": None}, {"extra": torch.zeros(1)}):
        state = {**whole, "state": {**whole["state"], 0: {**whole["state"][0], **wrong}}}
        with pytest.raises(CheckpointError, match="does not fit the weights of this run"):
            restore_optimizer("shift", other, state)
