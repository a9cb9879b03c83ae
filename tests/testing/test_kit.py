"""Each check of the conformance kit passes an honest method and catches a liar."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import honest_method
import numpy as np
import pytest
import torch
from honest_method import Honest, HonestConfig, liar
from pydantic import BaseModel, Field
from torch import nn

from ganzoo.batch import OracleBatch
from ganzoo.discovery.registry import Registry
from ganzoo.errors import PluginError
from ganzoo.method import Method, Phase
from ganzoo.settings import Settings
from ganzoo.testing import CheckFailed, CheckSkipped, generate_checks, toy

METHOD_CHECKS = list(dict.fromkeys(check for _, check in generate_checks([Honest])))
BY_NAME = {check.name: check for check in METHOD_CHECKS}
LIARS: list[tuple[str, str, type[Method]]] = []


def lie(check, what, **members):
    LIARS.append((check, what, liar(**members)))


def phases_with(**changes):
    """The honest phases, with some of one phase's fields replaced: refine=dict(decay=...)."""

    def phases(self):
        return {name: Phase(**{**vars(phase), **changes.get(name, {})}) for name, phase in Honest.phases(self).items()}

    return phases


def predict_loss(change):
    """The honest loss of the phase "predict", changed."""
    return lambda self, batch: change(self, batch, dict(Honest.predict_loss(self, batch)))


# What it says of itself
lie("declares_itself", "is not lower-case", name="Honest Method")
lie("declares_itself", "is not a sentence", summary="does things")
lie("declares_itself", "is not an https address", paper="Smith et al.")
LIARS.append(("extends_method_directly", "it extends Honest", type("Deep", (Honest,), {})))


class Undescribed(Settings):
    width: int = Field(4, ge=1)
    lr: float = Field(0.05, gt=0, description="Learning rate.")


class Odd(HonestConfig):
    table: dict[str, int] = Field({}, description="A table.")


class Hiding(HonestConfig):
    steps: int = Field(1, description="Steps of something.")


class Thawed(BaseModel):
    width: int = 4
    lr: float = 0.05


lie("config_is_frozen_and_described", "the description of 'width'", Config=Undescribed)
lie("config_is_frozen_and_described", "cannot be an option", Config=Odd)
lie("config_is_frozen_and_described", "hides the training option", Config=Hiding)
lie("config_is_frozen_and_described", "is not a subclass of Settings", Config=Thawed)
lie("presets_are_valid", "no setting 'widht'", presets={"wide": {"method": {"widht": 8}}})
lie("presets_are_valid", "greater than or equal to 0", presets={"short": {"train": {"steps": -1}}})
lie("presets_are_valid", "checked_at_most names depth", checked_at_most={"depth": 2})
lie("presets_are_valid", "has a table training", presets={"short": {"training": {"steps": 9}}})
lie("has_a_capability", "none of the functions", refine=None, generate=None, predict=None)
lie("has_a_capability", "it has encode, but not code_size", encode=lambda self, images: images.flatten(1))


def counting_schedule(self, step):
    self.calls = getattr(self, "calls", 0) + 1
    return ("predict",) if self.calls % 3 else ("refine", "polish", "predict")


lie("schedule_is_pure", "when called again", schedule=counting_schedule)
lie("schedule_is_pure", "does not declare", schedule=lambda self, step: ("predict", "refien"))
lie("schedule_is_pure", "runs no phase", schedule=lambda self, step: () if step == 10 else ("predict",))
lie(
    "every_parameter_is_trained",
    "trains spare.weight, spare.bias",
    built=lambda self: self.add_module("spare", nn.Linear(2, 2)),
)
lie("every_parameter_is_trained", "contrast.weight", schedule=lambda self, step: ("predict",))
lie("shared_optimizers_fit", "not an earlier phase", phases=phases_with(predict={"optimizer": "polish"}))
lie("shared_optimizers_fit", "not their networks", phases=phases_with(polish={"optimizer": "predict"}))
lie("decay_is_pure", "and then", phases=phases_with(refine={"decay": lambda progress: random.random()}))
lie("decay_is_pure", "-0.8", phases=phases_with(refine={"decay": lambda progress: 1 - 2 * progress}))

# What an update may do
lie(
    "losses_are_named_scalars",
    "is not a 0-d tensor",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"][None]}),
)
lie(
    "losses_are_named_scalars",
    "has a gradient",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"].detach()}),
)
lie(
    "losses_are_named_scalars",
    "is nan",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * float("nan")}),
)
lie(
    "losses_are_named_scalars",
    "raised",
    predict_loss=predict_loss(
        lambda s, b, t: {"gaze": s.head(s.body(b.source))[:, 2].mean() + b.source_label[:, 1].mean()}
    ),
)


def moves_another(self, batch, terms):
    with torch.no_grad():
        self.contrast.bias.add_(0.1)
    return terms


lie("a_phase_moves_only_its_networks", "changes contrast.bias", predict_loss=predict_loss(moves_another))
lie(
    "a_phase_moves_only_its_networks",
    "does not change network 0",
    predict_loss=lambda self, batch: {"label": self.head(self.body(batch.source).detach()).mean()},
)


def freezes(self, batch, terms):
    self.contrast.requires_grad_(False)
    return terms


def evaluates(self, batch, terms):
    self.contrast.eval()
    return terms


def backpropagates(self, batch, terms):
    terms["label"].backward(retain_graph=True)
    return terms


def seeds(self, batch, terms):
    torch.manual_seed(7)
    return terms


machinery = "losses_leave_the_machinery_alone"
lie(machinery, "requires_grad of contrast", predict_loss=predict_loss(freezes))
lie(machinery, "the training mode of contrast", predict_loss=predict_loss(evaluates))
lie(machinery, "the gradient of", predict_loss=predict_loss(backpropagates))
lie(machinery, "seeds torch", predict_loss=predict_loss(seeds))
lie(
    "losses_never_wait_for_the_device",
    "_local_scalar_dense",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * (1 if t["label"] > 0 else 2)}),
)
lie(
    "losses_never_wait_for_the_device",
    "aten.index",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] + b.source[b.source > 0].mean()}),
)
lie(
    "losses_stay_on_the_device",
    "mixes devices",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] + (b.source + torch.randn(b.source.shape)).mean()}),
)
lie(
    "noise_comes_from_torch",
    "Python's random",
    predict_loss=predict_loss(lambda s, b, t: {"l": t["label"] * random.random()}),
)
lie(
    "noise_comes_from_torch",
    "numpy.random",
    predict_loss=predict_loss(lambda s, b, t: {"l": t["label"] * np.random.rand()}),
)


def counts(self, batch, terms):
    self.seen += 1
    return terms


def zero(self):
    self.seen = 0


state = "state_is_all_in_the_state_dict"
lie(state, "changes seen", predict_loss=predict_loss(counts), built=zero)
lie(state, "not persistent", built=lambda self: self.register_buffer("hidden", torch.zeros(2), persistent=False))
lie(state, "changes mean_image", finish=lambda self, source, target: setattr(self, "mean_image", target.images.mean(0)))


def peeks(self, batch, terms):
    if isinstance(batch, OracleBatch):
        terms["peek"] = (self.head(self.body(batch.target)).mean() - batch.target_label.mean()).square()
        terms["label"] = terms["label"] + terms["peek"]
    return terms


lie("target_labels_are_out_of_reach", "change with the labels", predict_loss=predict_loss(peeks))
lie(
    "target_labels_are_out_of_reach",
    "no attribute 'target_label'",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] + b.target_label.mean()}),
)


def remembers(self, batch, terms):
    terms["label"] = terms["label"] + (self.last - batch.source).square().mean()
    return terms


lie(
    "any_batch_size_works",
    "raised RuntimeError",
    predict_loss=predict_loss(remembers),
    built=lambda self: self.register_buffer("last", torch.zeros(4, *self.spec.image_shape)),
)
halves = "halves_add_up"
lie(halves, "different gradients", predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * len(b)}))
lie(
    halves,
    "term 'spread'",
    predict_loss=predict_loss(
        lambda s, b, t: {"label": t["label"], "spread": 1e-5 * s.head(s.body(b.source)).var(0).sum()}
    ),
)


def normalized(self):
    self.body = nn.Sequential(*self.body, nn.BatchNorm1d(4))


def noisily_normalized(self):
    self.body = nn.Sequential(nn.Flatten(), nn.Dropout(), *list(self.body)[1:], nn.BatchNorm1d(4))


def running_mean(self, batch, terms):
    self.running.copy_(0.9 * self.running + 0.1 * batch.source.mean())
    return terms


def count_updates(self, batch, terms):
    self.updates.add_(1)
    return terms


lie(halves, "phase 'predict' has different gradients of its term 'label'", built=normalized)
lie(halves, "phase 'predict' has different gradients of its term 'label'", built=noisily_normalized)
lie(
    halves,
    "phase 'refine' has different gradients of its term 'brightness'",  # although it draws noise
    built=lambda self: setattr(self, "contrast", nn.Sequential(self.contrast, nn.BatchNorm2d(1))),
    refine_loss=lambda self, batch: {
        "brightness": (self.contrast(batch.source + torch.randn_like(batch.source)) - batch.target).abs().mean()
    },
)
lie(halves, "different values in running", predict_loss=predict_loss(running_mean))
lie(
    halves,
    "different values in updates",
    predict_loss=predict_loss(count_updates),
    built=lambda self: self.register_buffer("updates", torch.zeros((), dtype=torch.int64)),
)

# What a run promises
FRESH = iter(range(1, 10_000_000))
lie(
    "same_seed_same_bits",
    "differ between two runs",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * next(FRESH)}),
)


class Counter:
    """A count that no print shows."""

    def __init__(self):
        self.value = 0


def fades(self, batch, terms):
    self.counter.value += 1
    return {"label": terms["label"] * 0.9**self.counter.value}


lie(
    "resumes_bit_exact",
    "resumed run",
    predict_loss=predict_loss(fades),
    built=lambda self: setattr(self, "counter", Counter()),
)
lie(
    "captured_equals_eager",
    "at update 5 its term label differed",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * next(FRESH)}),
)
lie(
    "captured_equals_eager",
    "it cannot be recorded (a value is read on the host",
    predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * (1 if t["label"] > 0 else 2)}),
)
lie("finish_can_be_repeated", "finish changes mean", finish=lambda self, source, target: self.mean.add_(0.1))
lie(
    "finish_can_be_repeated",
    "raised TypeError",
    finish=lambda self, source, target: self.mean.fill_(target.labels[0, 0]),
)
lie(
    "bf16_stays_finite",
    "not finite in bfloat16",  # where 0.9999 is 1
    predict_loss=lambda self, batch: {"log": (1 - (0 * self.head(self.body(batch.source)) + 0.9999)).log().mean()},
)
lie(
    "diagnose_is_pure", "raised KeyError", diagnose=lambda self, means: ["Dark."] if means["refine/running"] < 0 else []
)
lie("diagnose_is_pure", "is not a sentence", diagnose=lambda self, means: ["dark"])
lie("diagnose_is_pure", "other warnings", diagnose=lambda self, means: [f"It is {next(FRESH)}."])

# What comes out
lie("outputs_keep_shape_and_range", "leaves [-1, 1]", refine=lambda self, source: 3 * source)
lie("outputs_keep_shape_and_range", "refine gives", refine=lambda self, source: source[..., ::2].tanh())
lie("outputs_keep_shape_and_range", "generate gives", generate=lambda self, count: torch.zeros(count, 1, 16, 24))
lie("outputs_keep_shape_and_range", "predict gives", predict=lambda self, images: self.head(self.body(images)))
lie(
    "outputs_keep_shape_and_range",
    "invalid labels",
    predict=lambda self, images: self.spec.task.decode(self.head(self.body(images))) + 9,
)
lie(
    "images_are_judged_one_by_one",
    "refine returns another output",
    refine=lambda self, source: (self.contrast(source) - self.contrast(source).mean()).tanh(),
)
lie(
    "images_are_judged_one_by_one",
    "refine returns another output",  # although it draws noise
    refine=lambda self, source: (source - source.mean() + 0.1 * torch.randn_like(source)).tanh(),
)
lie("outputs_change_nothing", "refine changes mean", refine=lambda self, source: (source + self.mean.add_(0.01)).tanh())
lie(
    "saved_state_is_enough",
    "generate gives other outputs",
    finish=lambda self, source, target: setattr(self, "kept", torch.ones(self.spec.image_shape)),
    generate=lambda self, count: getattr(self, "kept", self.mean).expand(count, *self.mean.shape),
)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.name)
def test_an_honest_method_passes(check):
    check(Honest)


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.name)
def test_a_liar_without_a_lie_passes(check):
    check(liar())


@pytest.mark.parametrize(("name", "what", "cls"), LIARS, ids=[f"{name}-{what}" for name, what, _ in LIARS])
def test_a_lie_is_caught_in_words(name, what, cls):
    with pytest.raises(CheckFailed) as failure:
        BY_NAME[name](cls)
    assert what in failure.value.what
    assert "Why it matters: " in str(failure.value)
    assert "How to fix it: " in str(failure.value)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("from ganzoo.training.loop import train", "ganzoo.training.loop.train"),
        ("from ganzoo.discovery import registry", "ganzoo.discovery.registry"),
        ("import ganzoo_translation.simgan", "the plugin ganzoo_translation"),
    ],
)
def test_a_module_that_imports_more_than_the_contract_is_caught(tmp_path, monkeypatch, line, what):
    file = tmp_path / "greedy_plugin.py"
    file.write_text(f"{Path(honest_method.__file__).read_text()}\n{line}\n")
    spec = importlib.util.spec_from_file_location("greedy_plugin", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "greedy_plugin", module)
    spec.loader.exec_module(module)
    with pytest.raises(CheckFailed, match=what):
        BY_NAME["imports_only_the_contract"](module.Honest)


def outcomes(cls):
    """ "ok" or why it was skipped, by check; a check that fails raises."""
    found = {}
    for subject, check in generate_checks([cls]):
        found[check.name] = "ok"
        try:
            check(subject)
        except CheckSkipped as reason:
            found[check.name] = str(reason)
    return found


def test_an_oracle_may_use_target_labels_and_is_given_them():
    def loss(self, batch):
        return {"label": self.spec.task.loss(self.head(self.body(batch.target)).float(), batch.target_label)}

    reads = ("source", "source_label", "target", "target_label")
    found = outcomes(liar(oracle=True, reads=reads, predict_loss=loss))
    assert found.pop("target_labels_are_out_of_reach") == "it declares oracle, so it receives target labels"
    assert set(found.values()) == {"ok"}


def test_a_method_without_any_phase_passes_and_its_checks_of_phases_are_skipped():
    """Such as one that only computes something at the end."""

    def built(self):
        del self.contrast, self.body, self.head

    members = {
        "phases": lambda self: {},
        "schedule": lambda self, step: (),
        "refine": lambda self, source: (source + self.mean).clamp(-1, 1),
        "predict": None,
        "built": built,
        "presets": {"default": {"train": {"steps": 0}}},
    }
    found = outcomes(liar(**members))
    assert set(found.values()) == {"ok", "it has no phases"}
    assert found["halves_add_up"] == found["losses_are_named_scalars"] == "it has no phases"
    assert found["saved_state_is_enough"] == found["finish_can_be_repeated"] == "ok"


def test_noise_of_a_phase_does_not_excuse_its_other_phases():
    """The phase "refine" draws noise, yet a summed loss in "predict" is caught."""
    summed = liar(predict_loss=predict_loss(lambda s, b, t: {"label": t["label"] * len(b)}))
    with pytest.raises(CheckFailed, match="'predict'"):
        BY_NAME["halves_add_up"](summed)


def test_a_method_that_declares_couples_batch_is_not_tested_in_halves():
    with pytest.raises(CheckSkipped, match="it declares couples_batch"):
        BY_NAME["halves_add_up"](liar(built=normalized, couples_batch=True))


def mixed(self, batch):
    """Each image is mixed with another, by a share of its own."""
    share = torch.rand(len(batch), 1, 1, 1, device=batch.source.device)
    others = batch.source[torch.randperm(len(batch))]
    return {"mixed": self.head(self.body(share * batch.source + (1 - share) * others)).square().mean()}


def drawn_in_many_ways(self, batch):
    images = batch.source + torch.empty_like(batch.source).uniform_(-0.1, 0.1) + torch.randn(len(batch), 1, 1, 1)
    images = torch.cat([images, batch.target]) * torch.bernoulli(torch.full((2 * len(batch), 1, 1, 1), 0.5))
    images = images + 0.1 * torch.randint(0, 3, (2 * len(batch), 1, 1, 1)) + torch.randn(())
    return {"drawn": self.head(self.body(nn.functional.dropout(images))).square().mean()}


@pytest.mark.parametrize("loss", [mixed, drawn_in_many_ways])
def test_noise_of_each_image_is_no_coupling(loss):
    BY_NAME["halves_add_up"](liar(predict_loss=loss))


def poisson(self, batch):
    return {
        "rare": self.head(self.body(torch.poisson(batch.source + 1) + torch.poisson(batch.target + 1))).square().mean()
    }


def one_by_one(self, batch):
    images = [image + torch.randn(()) for image in batch.source]
    return {"shifted": self.head(self.body(torch.stack(images))).square().mean()}


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (poisson, "phase 'predict' draws with poisson, which the kit cannot repeat image by image"),
        (one_by_one, "phase 'predict' draws 22 times for a batch and 11 times for half of it"),
    ],
)
def test_noise_that_cannot_be_repeated_is_a_reason_to_skip(loss, reason):
    with pytest.raises(CheckSkipped, match=reason):
        BY_NAME["halves_add_up"](liar(predict_loss=loss))


def test_a_loss_that_cannot_be_moved_to_the_meta_device_is_a_reason_to_skip():
    def loss(self, batch):
        with torch.autocast(batch.source.device.type, enabled=False):
            return Honest.predict_loss(self, batch)

    with pytest.raises(CheckSkipped, match="phase 'predict' uses autocast"):
        BY_NAME["losses_stay_on_the_device"](liar(predict_loss=loss))


def test_a_module_whose_source_cannot_be_read_is_a_reason_to_skip():
    made = type("Made", (Honest,), {"__module__": "made_in_a_session"})
    with pytest.raises(CheckSkipped, match="the source of its module cannot be read"):
        BY_NAME["imports_only_the_contract"](made)


@pytest.mark.parametrize("flag", ["couples_batch", "oracle"])
def test_a_flag_of_the_class_that_is_set_on_the_object_is_refused(flag):
    hidden = liar(built=lambda self: setattr(self, flag, True))
    with pytest.raises(PluginError, match=f"honest sets self.{flag}, .* write {flag} = True in the body of class Liar"):
        toy.build(hidden)


def test_a_flag_that_is_not_true_or_false_makes_the_plugin_broken(tmp_path):
    text = (
        Path(honest_method.__file__)
        .read_text()
        .replace("    Config = HonestConfig\n", "    Config = HonestConfig\n    oracle = property(bool)\n")
    )
    file = tmp_path / "flagged.py"
    file.write_text(f"{text}\nfrom ganzoo import hookimpl\n@hookimpl\ndef ganzoo_methods(): return [Honest]\n")
    with pytest.raises(
        PluginError, match=r"Honest.oracle must be True or False in the body of the class, but is a prop"
    ):
        Registry().add_file(file)
