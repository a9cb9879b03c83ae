"""What phases, steps and stages may be made of, each on a network of one weight whose updates can be told by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD

from ganzoo.batch import Batch, image_spec
from ganzoo.dataset import Domain
from ganzoo.errors import CheckpointError, ConfigError, PluginError
from ganzoo.method import Method, Phase, Stage
from ganzoo.settings import Settings
from ganzoo.task import NoTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.phases import optimizers_of, phase_runners
from ganzoo.training.timeline import Timeline

SPEC = image_spec(1, 2, 2, NoTask())
CPU = torch.device("cpu")
NUMBERS = np.arange(40, dtype=np.uint8).repeat(4).reshape(40, 1, 2, 2)


class Weights(Method):
    """Two weights and a buffer; a test gives it its phases."""

    name, summary, paper, Config = "weights", "Two weights.", "", Settings
    reads = ("target",)

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.a, self.b = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.a.weight), nn.init.ones_(self.b.weight)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("begun", torch.zeros(()))

    def phases(self):
        return {"a": Phase([self.a], self.loss_a, partial(SGD, lr=0.1))}

    def loss_a(self, batch):
        return {"a": self.a.weight.sum() * batch.target.mean()}

    def loss_b(self, batch):
        return {"b": self.b.weight.sum() * batch.target.mean()}


class Log(TrainingObserver):
    def __init__(self):
        self.lines, self.drawn = [], []

    def logged(self, step, means, warnings):
        self.lines.append(means)

    def stepped(self, step, phases, batches):
        self.drawn.append(batches)


def run(cls, folder=None, steps=4, stop_after=None, **settings):
    """Train it on 40 images whose grey level is their number; its state and what was logged."""
    method, log = build_method(cls, Settings(), SPEC, seed=0, device=CPU), Log()
    config = TrainConfig(steps=steps, batch_size=4, precision="fp32", log_every=1, device="cpu", **settings)
    train(method, None, Domain("numbers", NUMBERS), config, folder, log)
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}, log


def batch(rows=4):
    return Batch({"target": torch.ones(rows, 1, 2, 2)}, torch.tensor(0.0))


class Shared(Weights):
    """Two phases that note the batch they were given."""

    together = True

    def phases(self):
        sgd = partial(SGD, lr=0.0)
        return {"a": Phase([self.a], self.loss_a, sgd), "b": Phase([self.b], self.loss_b, sgd)}

    def schedule(self, step):
        return (("a", "b"),) if self.together else ("a", "b")


def test_phases_in_a_group_share_one_batch(monkeypatch):
    _, log = run(Shared)
    assert all(line["a/a"] == line["b/b"] for line in log.lines)
    assert log.drawn == [1] * 4
    monkeypatch.setattr(Shared, "together", False)
    _, log = run(Shared)
    assert any(line["a/a"] != line["b/b"] for line in log.lines)
    assert log.drawn == [2] * 4


class Carrying(Weights):
    """The first phase hands its images on; the second compares them with what it is given."""

    hands_on = ("images",)

    def phases(self):
        sgd = partial(SGD, lr=0.0)
        return {
            "give": Phase([self.a], self.give, sgd, hands_on=self.hands_on),
            "take": Phase([self.b], self.take, sgd, takes=("images",)),
        }

    def schedule(self, step):
        return ("give", "take") if step else ("take", "give")

    def give(self, batch):
        batch.hand_on(images=batch.target * self.a.weight)
        return {"loss": self.a.weight.sum(), "mean": batch.target.mean()}

    def take(self, batch):
        carried = batch.carried.get("images")
        mean = torch.full((), 9.0) if carried is None else carried.mean()
        return {"loss": self.b.weight.sum(), "mean": mean}


@pytest.mark.parametrize("micro_batch", [0, 3])
def test_what_a_phase_hands_on_reaches_later_phases_of_its_step_and_no_further(micro_batch):
    _, log = run(Carrying, micro_batch=micro_batch)
    assert log.lines[0]["take/mean"] == 9.0, "nothing was handed on before it in the first step"
    for line in log.lines[1:]:
        assert line["take/mean"] == pytest.approx(line["give/mean"], abs=1e-6)


def test_what_is_handed_on_carries_no_gradient():
    method = build_method(Carrying, Settings(), SPEC, seed=0, device=CPU)
    carry = {}
    phase_runners(method)["give"].update(batch(), carry)
    assert not carry["images"].requires_grad


def test_handing_on_what_is_not_declared_is_refused(monkeypatch):
    monkeypatch.setattr(Carrying, "hands_on", ())
    with pytest.raises(PluginError, match=r"hands on .*images.* declares nothing"):
        run(Carrying)


class Several(Weights):
    """One phase of two networks, each with an optimizer of its own; another shares the second."""

    def phases(self):
        return {
            "both": Phase([self.a, self.b], self.loss, (partial(SGD, lr=0.1), partial(SGD, lr=0.01, momentum=0.9))),
            "second": Phase([self.b], self.loss_b, "both/1"),
        }

    def loss(self, batch):
        return {"sum": self.a.weight.sum() + self.b.weight.sum()}


def test_each_network_of_a_phase_may_have_its_own_optimizer():
    method = build_method(Several, Settings(), SPEC, seed=0, device=CPU)
    runners = phase_runners(method)
    runners["both"].update(batch())
    assert method.a.weight.item() == pytest.approx(0.9)
    assert method.b.weight.item() == pytest.approx(0.99)
    assert list(optimizers_of(runners)) == ["both/0", "both/1"]
    runners["second"].update(batch())
    assert method.b.weight.item() == pytest.approx(0.99 - 0.01 * 1.9), "the momentum is that of the shared optimizer"


class Grouped(Weights):
    def phases(self):
        return {"both": Phase([self.a, self.b], self.loss, partial(SGD, lr=0.1), options=({}, {"lr": 0.01}))}

    loss = Several.loss


def test_a_network_may_have_its_own_learning_rate_in_one_optimizer():
    method = build_method(Grouped, Settings(), SPEC, seed=0, device=CPU)
    runner = phase_runners(method)["both"]
    runner.update(batch())
    assert (method.a.weight.item(), method.b.weight.item()) == pytest.approx((0.9, 0.99))
    runner.set_progress(0.5)
    assert [group["lr"] for group in runner.optimizers[0].param_groups] == [0.1, 0.01]


class Quasi(Weights):
    """A square with noise in it, which L-BFGS asks for several times an update."""

    def phases(self):
        return {"a": Phase([self.a], self.loss, partial(LBFGS, lr=0.5, max_iter=5), closure=True)}

    def loss(self, batch):
        self.seen += 1
        return {"square": (self.a.weight.sum() - 3 - 0.1 * torch.randn(())).square()}


def test_an_optimizer_that_computes_the_loss_itself_finds_the_minimum():
    state, log = run(Quasi, steps=8)
    assert state["a.weight"].item() == pytest.approx(3, abs=0.3)
    assert state["seen"] > 8, "it asked for the loss several times"
    assert log.lines[0]["a/square"] == pytest.approx(4, abs=1.0), (
        "the loss that is logged is the first one of an update"
    )


@pytest.mark.parametrize("cls", [Carrying, Several, Grouped, Quasi])
def test_a_resumed_run_equals_one_never_stopped(tmp_path, cls):
    whole, log = run(cls, steps=6)
    run(cls, tmp_path, steps=6, save_every=3)
    (tmp_path / "checkpoints" / "step-00000006").rename(tmp_path / "gone")
    resumed, rest = run(cls, tmp_path, steps=6, save_every=3)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert rest.lines == log.lines[3:]


class Staged(Weights):
    """Two stages: the second copies the first's weight before it begins."""

    def phases(self):
        sgd = partial(SGD, lr=0.1)
        return {
            "a": Phase([self.a], self.loss_a, sgd, decay=lambda progress: 1 - progress),
            "b": Phase([self.b], self.loss_b, sgd, decay=lambda progress: 1 - progress),
        }

    def stages(self):
        return (Stage("first", 1, lambda step: ("a",)), Stage("second", 3, lambda step: ("b",), self.copy))

    def copy(self):
        self.b.load_state_dict(self.a.state_dict())
        self.begun += 1

    def loss_a(self, batch):
        return {"a": self.a.weight.sum(), "progress": batch.progress}

    def loss_b(self, batch):
        return {"b": self.b.weight.sum(), "progress": batch.progress}


def test_stages_are_shares_of_the_steps_and_begin_once():
    state, log = run(Staged, steps=8)
    assert [next(iter(line)) for line in log.lines] == ["a/a"] * 2 + ["b/b"] * 6
    assert [line.get("a/progress", line.get("b/progress")) for line in log.lines] == pytest.approx(
        [0, 0.5, *(step / 6 for step in range(6))]
    )
    assert state["begun"] == 1
    assert state["a.weight"].item() == pytest.approx(1 - 0.1 - 0.05)
    assert state["b.weight"].item() == pytest.approx(0.85 - 0.1 * sum(1 - step / 6 for step in range(6)))


@pytest.mark.parametrize("saved_at", [1, 2, 3])
def test_a_run_that_is_resumed_at_a_transition_equals_one_never_stopped(tmp_path, saved_at, monkeypatch):
    whole, _ = run(Staged, steps=8)
    monkeypatch.setattr("ganzoo.training.checkpoint.KEEP", 9)
    run(Staged, tmp_path, steps=8, save_every=saved_at)
    for path in (tmp_path / "checkpoints").iterdir():
        if path.name != f"step-{saved_at:08d}":
            path.rename(tmp_path / path.name)
    resumed, _ = run(Staged, tmp_path, steps=8, save_every=100)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_every_stage_gets_a_step_and_too_few_steps_are_refused():
    method = build_method(Staged, Settings(), SPEC, seed=0, device=CPU)
    assert Timeline(method, 2).ends == [1, 2]
    assert Timeline(method, 100).ends == [25, 100]
    with pytest.raises(ConfigError, match="--steps 1: weights trains in 2 stages"):
        Timeline(method, 1)


class Averaging(Weights):
    """A frozen moving average that a phase updates."""

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.judge = nn.BatchNorm1d(1)

    def frozen(self):
        return (self.judge,)


def test_frozen_networks_stay_in_eval_mode():
    method = build_method(Averaging, Settings(), SPEC, seed=0, device=CPU).train()
    assert method.training
    assert not method.judge.training


class Untrained(Weights):
    def phases(self):
        return {}

    def finish(self, source, target):
        self.seen += len(target)


def test_no_steps_still_finish_and_save(tmp_path):
    state, _ = run(Untrained, tmp_path, steps=0)
    assert state["seen"] == 40
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000000"]
    again, _ = run(Untrained, tmp_path, steps=0)
    assert again["seen"] == 40, "it is finished once"


def test_a_loss_that_asks_for_a_column_that_its_method_does_not_read_is_told():
    with pytest.raises(PluginError, match="reads the column 'source', but its method declares only target"):
        _ = batch().source


def test_a_checkpoint_of_other_optimizers_does_not_load(tmp_path, monkeypatch):
    run(Several, tmp_path)
    monkeypatch.setattr(Several, "phases", Grouped.phases)
    with pytest.raises(CheckpointError, match="does not fit this run"):
        run(Several, tmp_path, steps=9)
