"""Recordings of phases, on a CPU: ganzoo/testing/operators.py, which repeats operators, stands for CUDA graphs."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim import SGD

from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError
from ganzoo.method import Method, Phase
from ganzoo.settings import Settings
from ganzoo.testing import toy
from ganzoo.testing.operators import OperatorRecorder
from ganzoo.training import build, cuda_graphs, loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.phases import phase_runners

CPU = torch.device("cpu")
TRAINED = ["simgan", "cyclegan", "dcgan", "dann", "source-only", "oracle"]


class Told(TrainingObserver):
    def __init__(self):
        self.phases, self.lines = {}, []

    def captured(self, phase, problem):
        self.phases.setdefault(phase, []).append(problem)

    def logged(self, step, means, warnings):
        self.lines.append(means)


@pytest.fixture
def recorded(monkeypatch):
    """--capture on a CPU."""
    for module in (loop, build):
        monkeypatch.setattr(module, "recorder", lambda device: OperatorRecorder())


def trained(cls, *, capture, config=None, **changes):
    """The method's state after training on the toy domains, and what was told and logged."""
    settings = {"steps": 12, "batch_size": 4, "device": "cpu", "precision": "fp32", "log_every": 3, **changes}
    method, told = build_method(cls, config or cls.Config(), toy.SPEC, seed=0, device=CPU), Told()
    source, target = toy.domains()
    train(method, source, target, TrainConfig(capture=capture, **settings), observer=told)
    return method.state_dict(), told


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", TRAINED)
def test_a_replayed_run_is_the_eager_one_to_the_bit(recorded, name, precision):
    cls = registry().get("methods", name)
    config = cls.Config(refiner_pretraining=5) if name == "simgan" else cls.Config()
    eager, silent = trained(cls, capture=False, config=config, precision=precision)
    replayed, told = trained(cls, capture=True, config=config, precision=precision)
    assert not silent.phases
    assert told.phases == {phase: [""] for phase in told.phases}
    assert set(told.phases) == set(build_method(cls, config, toy.SPEC, seed=0, device=CPU).phases())
    assert all(torch.equal(eager[key], value) for key, value in replayed.items())
    assert silent.lines == told.lines


class Made(Method):
    """One weight that is pulled to the target's mean in one of several ways."""

    name, summary, paper, Config = "made", "Made.", "", Settings

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.network = nn.Linear(1, 1, bias=False)
        self.calls = 0

    def phases(self):
        return {"only": Phase([self.network], self.loss, lambda params: SGD(params, lr=0.1))}

    def pull(self, batch):
        return {"distance": (self.network.weight - batch.target.mean()).square().mean()}

    loss = pull


def test_what_is_frozen_in_a_recording_is_seen_at_its_first_replay_and_the_run_is_the_eager_one(recorded):
    class Counts(Made):
        def loss(self, batch):
            self.calls += 1
            return {"distance": self.calls * self.pull(batch)["distance"]}

    replayed, told = trained(Counts, capture=True)
    ((why,),) = told.phases.values()
    assert why.startswith("at update 5 its term distance differed by ")
    eager, _ = trained(Counts, capture=False)
    assert torch.equal(eager["network.weight"], replayed["network.weight"])


def test_what_is_frozen_for_longer_is_seen_at_a_later_power_of_two(recorded):
    class Turns(Made):
        def phases(self):
            return {"only": replace(super().phases()["only"], after=self.count)}

        def count(self):
            self.calls += 1

        def loss(self, batch):
            sign = -1 if self.calls > 20 else 1
            return {"distance": sign * self.pull(batch)["distance"]}

    _, told = trained(Turns, capture=True, steps=40)
    ((good, why),) = told.phases.values()
    assert good == ""
    assert why.startswith("at update 32 its term distance differed by 2.0e+00")


def test_a_loss_that_reads_a_value_is_computed_as_ever_and_it_is_told(recorded):
    class Reads(Made):
        def loss(self, batch):
            return {"distance": self.pull(batch)["distance"] * float(batch.progress.item() < 2)}

    eager, _ = trained(Reads, capture=False)
    replayed, told = trained(Reads, capture=True)
    ((why,),) = told.phases.values()
    assert why == "it cannot be recorded (a value is read on the host, which a recording does not allow)"
    assert torch.equal(eager["network.weight"], replayed["network.weight"])


def test_parts_of_a_batch_are_recorded_too(recorded):
    eager, _ = trained(Made, capture=False, micro_batch=3)
    replayed, told = trained(Made, capture=True, micro_batch=3)
    assert told.phases == {"only": [""]}
    assert torch.equal(eager["network.weight"], replayed["network.weight"])


def test_a_batch_of_another_size_is_not_replayed():
    method = build_method(Made, Settings(), toy.SPEC, seed=0, device=CPU)
    runner = phase_runners(method)["only"]
    told = []
    captured = cuda_graphs.Captured(runner.computed, runner.params, list, OperatorRecorder(), told.append)
    method.requires_grad_(True)
    whole = toy.batch(method)
    for _ in range(6):
        captured(whole)
    assert told == [""]
    (part, *_) = whole.split(len(whole) - 1)
    assert captured(part).terms["distance"] == method.pull(part)["distance"]
    grad = runner.params[0].grad.clone()
    captured(whole)
    assert not torch.equal(grad, runner.params[0].grad)


def test_differences_are_relative_to_all_tensors_together():
    one, two = torch.tensor([3.0, 4.0]), torch.tensor([1e-9])
    assert cuda_graphs._difference([one, two, None], [one, -two, None]) < 1e-9, "rounding of one that is nothing"
    assert cuda_graphs._difference([one], [one * 1.1]) == pytest.approx(0.1)
    assert cuda_graphs._difference([one], [None]) == float("inf")
    assert not cuda_graphs._difference([one], [one * float("nan")]) <= 1


def test_without_a_gpu_and_beside_compile_it_is_refused_in_words():
    with pytest.raises(ConfigError, match="--capture records CUDA graphs and needs a CUDA GPU, but the device is cpu"):
        trained(Made, capture=True)
    with pytest.raises(ConfigError, match="--capture and --compile cannot be combined"):
        trained(Made, capture=True, compile=True)
