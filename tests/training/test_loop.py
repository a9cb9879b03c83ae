import math
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD
from toy_plugin import Shift, ShiftConfig, Toy, ToyConfig

from ganzoo.batch import Batch, image_spec
from ganzoo.errors import CheckpointError, ConfigError, DivergenceError, PluginError
from ganzoo.method import Method, Phase, linear_decay
from ganzoo.settings import Settings
from ganzoo.task import GazeTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.devices import resolve_device, resolve_precision
from ganzoo.training.loop import train
from ganzoo.training.meter import Meter
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.phases import PhaseRunner, optimizers_of, phase_runners

CPU = torch.device("cpu")
DATA = Toy(ToyConfig(count=16))
SPEC = image_spec(1, 24, 40, GazeTask())


class Log(TrainingObserver):
    def __init__(self):
        self.lines, self.saves, self.first = [], [], None

    def started(self, first, steps):
        self.first = first

    def logged(self, step, means, warnings):
        self.lines.append((step, means, list(warnings)))

    def saving(self, step):
        self.saves.append(step)


def run(folder=None, method=None, **changes):
    """Train the toy method; returns its final state and what it logged."""
    settings = {"steps": 8, "batch_size": 4, "precision": "fp32", "log_every": 2, "save_every": 4, **changes}
    method = method or build_method(Shift, ShiftConfig(), SPEC, seed=settings.get("seed", 0), device=CPU)
    log = Log()
    train(method, DATA.source(), DATA.target(), TrainConfig(**settings), folder, log)
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}, log


def equal(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    assert equal(run()[0], run()[0])
    assert not equal(run()[0], run(seed=1)[0])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_equals_one_never_stopped(tmp_path, precision):
    whole, log = run(precision=precision)
    run(tmp_path, steps=8, precision=precision, save_every=4)
    (tmp_path / "checkpoints" / "step-00000008").rename(tmp_path / "gone")
    resumed, rest = run(tmp_path, precision=precision)
    assert rest.first == 4
    assert equal(whole, resumed)
    assert log.lines[-2:] == rest.lines


def test_a_complete_run_is_left_alone(tmp_path):
    first, _ = run(tmp_path)
    again, log = run(tmp_path)
    assert log.first == 8
    assert not log.lines
    assert equal(first, again)


def test_logs_and_saves_come_when_asked_and_at_the_end(tmp_path):
    _, log = run(tmp_path, steps=7, log_every=3, save_every=5)
    assert [step for step, _, _ in log.lines] == [3, 5, 6, 7]
    assert log.saves == [5, 7]


def test_a_meter_gives_the_mean_since_it_was_last_read():
    meter = Meter()
    for value in (1.0, 2.0, 6.0):
        meter.add("phase", {"loss": torch.tensor(value)})
    meter.add("other", {"loss": torch.tensor(5.0)})
    assert meter.drain() == {"phase/loss": 3.0, "other/loss": 5.0}
    assert meter.drain() == {}


def test_divergence_names_phase_term_and_step_and_saves_nothing_bad(tmp_path):
    method = build_method(Shift, ShiftConfig(explode_at=6), SPEC, seed=0, device=CPU)
    with pytest.raises(DivergenceError, match=r"shift/moments.* not finite by step 6"):
        run(tmp_path, method)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]


def test_a_method_that_couples_its_batch_refuses_micro_batches(monkeypatch):
    monkeypatch.setattr(Shift, "couples_batch", True)
    with pytest.raises(ConfigError, match="micro-batch"):
        run(micro_batch=2)


@pytest.mark.parametrize(
    ("size", "option"), [({"batch_size": 6}, "--batch-size 6"), ({"micro_batch": 3}, "--micro-batch 3")]
)
def test_a_batch_that_is_not_a_multiple_of_what_the_method_needs_is_refused(monkeypatch, size, option):
    monkeypatch.setattr(Shift, "batch_multiple", lambda config: 4)
    with pytest.raises(ConfigError, match=f"{option} is not a multiple of 4.*use {option.split()[0]} [48]$"):
        run(**{"batch_size": 8, **size})


class Two(Method):
    """Two networks, two phases; the second shares the first's optimizer."""

    name, summary, paper, Config = "two", "Two.", "", Settings
    shares = "a"

    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.a, self.b = nn.Linear(1, 1), nn.Linear(1, 1)

    def phases(self):
        sgd = partial(SGD, lr=1.0, momentum=0.9)
        return {
            "a": Phase([self.a, self.b], self.loss_a, sgd, decay=linear_decay),
            "b": Phase([self.b], self.loss_b, self.shares or sgd),
        }

    def loss_a(self, batch):
        return {"a": self.a(torch.ones(1, 1)).mean() * 2, "note": torch.tensor(7.0)}

    def loss_b(self, batch):
        return {"b": self.b(self.a(torch.ones(1, 1))).mean()}


def test_phases_that_share_an_optimizer_by_name_have_one():
    runners = phase_runners(Two(Settings(), SPEC))
    assert runners["a"].optimizers == runners["b"].optimizers
    assert list(optimizers_of(runners)) == ["a"], "a checkpoint holds it once"


def test_sharing_with_no_earlier_phase_is_said(monkeypatch):
    monkeypatch.setattr(Two, "shares", "b")
    with pytest.raises(PluginError, match="not an earlier phase"):
        phase_runners(Two(Settings(), SPEC))


def test_a_phase_moves_its_networks_alone(monkeypatch):
    monkeypatch.setattr(Two, "shares", "")
    method = Two(Settings(), SPEC).requires_grad_(False)
    before = {name: p.clone() for name, p in method.named_parameters()}
    batch = Batch({"target": torch.ones(1)}, torch.tensor(0.0))
    logged = phase_runners(method)["b"].update(batch)
    moved = {name for name, p in method.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"b.weight", "b.bias"}
    assert set(logged) == {"b"}
    assert not any(p.requires_grad for p in method.parameters())


def test_only_terms_with_a_gradient_are_minimised_and_all_are_logged():
    method = Two(Settings(), SPEC).requires_grad_(False)
    batch = Batch({"target": torch.ones(1)}, torch.tensor(0.0))
    before = method.a.bias.clone()
    logged = phase_runners(method)["a"].update(batch)
    assert logged["note"] == 7
    torch.testing.assert_close(method.a.bias, before - 2.0)  # lr 1 times the gradient of 2 a


def test_learning_rates_are_a_pure_function_of_progress():
    runner = phase_runners(Two(Settings(), SPEC))["a"]
    rates = []
    for progress in (0.0, 0.75, 0.25, 0.5, 0.75):
        runner.set_progress(progress)
        rates.append(runner.optimizers[0].param_groups[0]["lr"])
    assert rates == [1.0, 0.5, 1.0, 1.0, 0.5]


def test_a_run_that_goes_past_its_end_has_the_progress_of_the_longer_run(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(PhaseRunner, "set_progress", lambda self, progress: seen.append(progress))
    run(tmp_path, steps=4)
    run(tmp_path, steps=8)
    assert seen == [0, 1 / 4, 2 / 4, 3 / 4, 4 / 8, 5 / 8, 6 / 8, 7 / 8]


class Blind(Two):
    def loss_a(self, batch):
        return {"a": torch.tensor(1.0)}


class Lost(Two):
    def schedule(self, step):
        return ("elsewhere",)


@pytest.mark.parametrize(("cls", "words"), [(Blind, "no term .* has a gradient"), (Lost, "does not declare")])
def test_a_method_that_breaks_the_contract_is_told_how(cls, words):
    with pytest.raises(PluginError, match=words):
        run(method=build_method(cls, Settings(), SPEC, seed=0, device=CPU))


def test_an_unlabelled_target_reaches_finish_unless_the_method_is_an_oracle(monkeypatch):
    seen = []
    monkeypatch.setattr(Shift, "finish", lambda self, source, target: seen.append(target.labels is None))
    run()
    monkeypatch.setattr(Shift, "oracle", True)
    run()
    assert seen == [True, False]


def test_warnings_are_what_the_method_makes_of_the_means(monkeypatch):
    monkeypatch.setattr(Shift, "diagnose", lambda self, means: [f"moments {math.isfinite(means['shift/moments'])}"])
    _, log = run()
    assert log.lines[0][2] == ["moments True"]


def test_a_checkpoint_of_another_method_does_not_load(tmp_path, monkeypatch):
    run(tmp_path)
    monkeypatch.setattr(Shift, "name", "renamed")
    with pytest.raises(CheckpointError, match="holds the method 'shift'"):
        run(tmp_path)


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "tpu", "mps"])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(ConfigError, match=name):
        resolve_device(name)


def test_tf32_needs_a_gpu():
    with pytest.raises(ConfigError, match="needs a CUDA GPU"):
        resolve_precision("tf32", CPU)
    assert resolve_precision("fp32", CPU) == "fp32"
