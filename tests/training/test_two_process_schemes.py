"""Stages, shared batches, tensors that are handed on, a closure and averaged buffers: with two gloo processes."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from training.test_two_processes import start, weights

RUN = ["--steps", "9", "--save-every", "6", "--batch-size", "4", "--out", "run"]  # the second stage begins at step 3

PLUGIN = '''
from functools import partial

import torch
from torch import nn
from torch.optim import LBFGS, SGD

from ganzoo import hookimpl
from ganzoo.method import Method, Phase, Stage
from ganzoo.settings import Settings

ganzoo_contract = 2


class Schemed(Method):
    """First a brightness by L-BFGS; then a copy of it against a judge that is given what it made."""

    name = "schemed"
    summary = "Has all that a training scheme may have."
    paper = ""
    Config = Settings
    presets = {}

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.first, self.second, self.judge = (nn.Conv2d(spec.channels, spec.channels, 1) for _ in range(3))
        self.register_buffer("level", torch.zeros(()))

    def phases(self):
        sgd = partial(SGD, lr=0.05)
        return {
            "fit": Phase([self.first], self.fit_loss, partial(LBFGS, lr=0.1, max_iter=3), closure=True),
            "make": Phase([self.second], self.make_loss, sgd, hands_on=("made",), averages=("level",)),
            "judge": Phase([self.judge], self.judge_loss, sgd, takes=("made",)),
        }

    def stages(self):
        return (
            Stage("fit", 1, lambda step: ("fit",)),
            Stage("play", 2, lambda step: (("make", "judge"),), begin=self.copy, resting=[self.first]),
        )

    def copy(self):
        self.second.load_state_dict(self.first.state_dict())

    def fit_loss(self, batch):
        return {"distance": (self.first(batch.source).float() - batch.target.float().mean()).square().mean()}

    def make_loss(self, batch):
        self.level.mul_(0.5).add_(batch.target.detach().float().mean(), alpha=0.5)
        made = self.second(batch.source)
        batch.hand_on(made=made.detach())
        return {"distance": (made.float() - self.level).square().mean() + self.judge(made).float().square().mean()}

    def judge_loss(self, batch):
        return {"judge": (self.judge(batch.carried["made"]).float() - 1).square().mean()}

    def refine(self, source):
        return self.second(source).clamp(-1, 1)


@hookimpl
def ganzoo_methods():
    return [Schemed]
'''


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "schemed.py").write_text(PLUGIN)
    start(folder, 2, "--plugin", "schemed.py", *RUN, method="schemed")
    return folder / "run"


def test_a_run_resumed_in_its_second_stage_equals_one_never_stopped(whole, tmp_path):
    (tmp_path / "schemed.py").write_text(PLUGIN)
    arguments = ("--plugin", "schemed.py", *RUN)
    start(tmp_path, 2, *arguments, method="schemed")
    run = tmp_path / "run"
    (run / "metrics.json").unlink()
    for file in (run / "checkpoints" / "step-00000009").iterdir():
        file.unlink()
    assert "resuming from step 6 of 9" in start(tmp_path, 2, *arguments, method="schemed").stderr
    assert (run / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()
    expected, got = weights(whole, 9), weights(run, 9)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_averaged_buffers_are_the_same_on_all_processes(whole):
    folder = whole / "checkpoints" / "step-00000009"
    one, other = (load_file(folder / f"buffers-{rank}.safetensors") for rank in (0, 1))
    assert torch.equal(one["level"], other["level"])
    assert one["level"] != 0
