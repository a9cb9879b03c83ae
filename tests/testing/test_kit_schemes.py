"""The checks of data and training schemes pass an honest method that has all of them, and catch liars."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest
import test_kit
import torch
from honest_schemes import Schemes
from kit_liars import Liars
from torch import nn
from torch.optim import SGD

from ganzoo.batch import Column
from ganzoo.method import Method, Stage
from ganzoo.task import ClassTask, NoTask, RegressionTask
from ganzoo.testing import CheckFailed, CheckSkipped, configured, generate_checks, toy, toy_data
from ganzoo.testing.configured import name_of, subjects

LIARS = Liars(Schemes)
lie = LIARS.lie


def phase(name, **changes):
    """The honest phases, one of them with other fields."""

    def phases(self):
        return {key: replace(each, **changes) if key == name else each for key, each in Schemes.phases(self).items()}

    return phases


def stage(number, **changes):
    """The honest stages, one of them with other fields, which may be functions of the method."""

    def stages(self):
        made = list(Schemes.stages(self))
        own = {key: change(self) if key == "begin" else change for key, change in changes.items()}
        made[number] = replace(made[number], **own)
        return made

    return stages


def averaging(**members):
    """With a moving average in its default settings."""
    return {"Config": configured(Schemes, average=0.5).Config, **members}


named = "columns_are_named"
lie(named, "not a tuple of names", columns=classmethod(lambda cls, config: ["source", "target"]))
lie(named, "names a column twice", reads=("source", "source"))
lie(named, "'sources' belongs to neither", reads=("sources", "target"))
lie(named, "did you mean source_label?", reads=("source", "source_lable", "target"))
lie(named, "is not an oracle", reads=("source", "target", "target_label"))
lie(named, "is_oracle() returns 1", is_oracle=classmethod(lambda cls, config: 1))
lie(named, "kinds are ('picture',)", kinds=("picture",))
only = "reads_only_its_columns"
lie(only, "reads the column 'target_mask'", reads=("source", "target"))
lie(only, "source_label", fit_loss=lambda self, batch: {"l": batch["source_label"].mean() * self.first.bias.sum()})
lie(
    only, "'NoneType' object is not subscriptable",
    finish=lambda self, source, target: self.balance.fill_(float(source.labels[0, 0])),
)  # fmt: skip


def declining(said):
    return classmethod(lambda cls, config, spec: said(spec))


FRESH = iter(range(1, 10_000_000))
words = "declines_in_words"
lie(words, "which is not text", declines=declining(lambda spec: None if spec.task == NoTask() else ""))
lie(words, "when called again", declines=declining(lambda spec: f"has seen {next(FRESH)} of them"))
lie(words, "without a full stop", declines=declining(lambda spec: "It takes more." if spec.task == NoTask() else ""))
carries = "carries_are_declared"
lie(carries, "takes made, which no other phase hands on", make_loss=lambda self, batch: {"a": self.second.bias.sum()},
    phases=phase("make", hands_on=()))  # fmt: skip
lie(carries, "its loss hands on ['made']", phases=phase("make", hands_on=("made", "more")))
lie(carries, "KeyError: 'made'", phases=phase("judge", takes=()))
pure = "stages_are_pure"
lie(pure, "stages() returns none", stages=lambda self: ())
lie(pure, "each needs its own", stages=stage(1, name="fit"))
lie(pure, "rests in the stage 'play' is not inside", stages=stage(1, resting=[nn.Linear(1, 1)]))
lie(pure, "is 0, not a positive number", stages=stage(1, share=0))


def growing(self):
    self.balance.add_(1)
    return Schemes.stages(self)


lie(pure, "changed balance", stages=growing)
lie("schedule_is_pure", "of the stage 'fit' runs no phase", stages=stage(0, schedule=lambda step: ()))
lie("schedule_is_pure", "of the stage 'play' runs ['mkae']", stages=stage(1, schedule=lambda step: (("mkae",),)))
lie("schedule_is_pure", "must hold names of phases", stages=stage(1, schedule=lambda step: ((), "make")))
exact = "transitions_are_exact"
lie(
    exact,
    "begins with a different balance",
    stages=stage(1, begin=lambda self: lambda: self.balance.fill_(next(FRESH))),
)


def remembering(self):
    """A transition that reads what only this object knows."""

    def begin():
        self.second.bias.fill_(getattr(self, "steps", 0) / 100)

    return begin


def counted(self, batch):
    self.__dict__["steps"] = getattr(self, "steps", 0) + 1
    return Schemes.fit_loss(self, batch)


lie(exact, "begins with a different second.bias", fit_loss=counted, stages=stage(1, begin=remembering))
stays = "frozen_networks_stay"
lie(stays, "follows a module that frozen() does not return", **averaging(
    phases=lambda self: phase("make", follows=(self.judge,))(self)))  # fmt: skip
lie(stays, "changes average.", **averaging(phases=phase("make", follows=())))
lie(stays, "trains a network of frozen()", frozen=lambda self: (self.judge,))
lie(stays, "not inside the method", frozen=lambda self: (nn.Linear(1, 1),))
lie(stays, "in training mode after train()", **averaging(train=lambda self, mode=True: nn.Module.train(self, mode)))


def wakes(self, batch):
    self.average.train()
    return Schemes.make_loss(self, batch)


lie(stays, "into training mode", **averaging(make_loss=wakes))
lie("every_parameter_is_trained", "trains average.network", **averaging(frozen=lambda self: ()))
lie("a_phase_moves_only_its_networks", "changes average.network", **averaging(phases=phase("make", follows=())))
lie("averaged_buffers_exist", "averages balanse, which is not a buffer", phases=phase("make", averages=("balanse",)))


def whole_numbers(self, config, spec):
    Schemes.__init__(self, config, spec)
    self.register_buffer("balance", torch.zeros((), dtype=torch.long))


lie("averaged_buffers_exist", "does not hold floating-point", __init__=whole_numbers)
closures = "closures_are_repeatable"
lie(closures, "needs a closure", phases=phase("fit", closure=False))


def drifting(self, batch):
    self.balance.add_(1)
    return {"mean": Schemes.fit_loss(self, batch)["mean"] * (1 + self.balance)}


lie(closures, "when computed again", fit_loss=drifting)
lie("steps_fit_the_phases", "has 1 steps for 2 stages", presets={"short": {"train": {"steps": 1}}})
lie("steps_fit_the_phases", "it has no phases, but preset 'default' has 10000 steps",
    presets={}, phases=lambda self: {}, stages=lambda self: (Stage("none", 1, lambda step: ()),))  # fmt: skip


def halves(self, batch):
    """Hands on what is made relative to the batch."""
    made = self.second(batch.source).tanh().float()
    batch.hand_on(made=made - made.mean())
    return {"mean": made.mean()}


lie("halves_add_up", "hands on a different made in two halves", make_loss=halves)
lie("shared_optimizers_fit", "has 2 optimizers for 1 networks", phases=phase("judge", optimizer=(SGD, SGD)))
lie("shared_optimizers_fit", "has 2 options for 1 networks", phases=phase("judge", options=({}, {})))


@pytest.mark.parametrize(
    ("subject", "check"),
    [pytest.param(*each, id=f"{name_of(each[0])}-{each[1].name}") for each in generate_checks([Schemes])],
)
def test_an_honest_method_passes_with_every_preset(subject, check):
    with suppress(CheckSkipped):
        check(subject)


@LIARS.cases()
def test_a_lie_is_caught_in_words(name, what, cls):
    LIARS.caught(name, what, cls)


def test_every_check_of_methods_has_a_liar():
    quick = {check.name for check in LIARS.checks.values() if not check.slow}
    assert {name for name, _, _ in test_kit.LIARS} | LIARS.names | {"imports_only_the_contract"} == quick


def test_each_preset_is_checked_once_with_its_settings():
    found = subjects(Schemes)
    assert [name_of(cls) for cls in found] == ["schemes", "schemes[averaged]", "schemes[supervised]"]
    assert [cls.Config().average for cls in found] == [0.0, 0.5, 0.0]
    assert [toy.is_oracle(cls) for cls in found] == [False, False, True]


def test_settings_given_by_hand_hold_in_every_preset():
    assert [cls.Config().average for cls in subjects(configured(Schemes, average=0.25))] == [0.25, 0.25]


def test_checks_that_no_setting_can_change_are_made_once():
    made = [check.name for _, check in generate_checks([Schemes])]
    assert made.count("declares_itself") == made.count("presets_are_valid") == 1
    assert made.count("resumes_bit_exact") == 3


def test_sizes_of_presets_are_lowered_to_what_the_method_says():
    large = type("Large", (test_kit.Honest,), {
        "presets": {"huge": {"method": {"width": 4096}}}, "checked_at_most": {"width": 6}})  # fmt: skip
    assert [cls.Config().width for cls in subjects(large)] == [4, 6]


class Bare(Method):
    """What toy data are made for; a test says what it reads."""

    name, summary, paper, Config = "bare", "Bare.", "", test_kit.Settings

    def phases(self):
        return {}


def bare(**members):
    return type("Bare", (Bare,), members)


def test_toy_data_have_what_a_method_reads():
    reads = ("source", "target", "source_mask", "target_landmarks", "source_group")
    spec = toy.spec_for(bare(reads=reads, paired=True))
    assert spec.columns["source_mask"] == Column((1, 16, 24), "mask")
    assert spec.columns["target_landmarks"] == Column((2,), "vector")
    source, target = toy.domains(spec)
    assert source.extra["mask"].dtype == bool
    assert "landmarks" in target.unlabelled().extra
    assert set(source.groups) == {0, 1, 2, 3}
    assert (source.labels == target.labels).all(), "the rows are paired"


def test_toy_data_are_points_for_a_method_of_vectors():
    spec = toy.spec_for(bare(kinds=("vector",), reads=("target",)))
    assert spec.sample == Column((2,), "vector")
    assert toy.domains(spec)[1].samples.shape == (24, 2)


@pytest.mark.parametrize("task", [ClassTask, RegressionTask, NoTask])
def test_toy_data_have_a_task_that_the_method_takes(task):
    spec = toy.spec_for(bare(tasks=(task,), reads=("source", "target")))
    assert isinstance(spec.task, task)
    assert (toy.domains(spec)[0].labels is None) == (task is NoTask)


def test_a_method_that_declines_small_images_is_checked_on_larger_ones():
    large = bare(declines=declining(lambda spec: "" if spec.height > 60 else "takes larger images"))
    assert toy.spec_for(large).image_shape == (1, 64, 96)


def test_a_method_that_declines_all_toy_data_is_skipped_with_its_words():
    with pytest.raises(CheckSkipped, match="bare takes nothing"):
        toy.spec_for(bare(declines=declining(lambda spec: "takes nothing")))


def test_bare_data_lack_the_domain_that_is_not_read():
    cls = bare(reads=("target",))
    assert toy.domains(toy_data.bare_spec(cls, toy.spec_for(cls)))[0] is None


def test_a_phase_that_takes_is_given_what_earlier_phases_of_its_step_hand_on():
    method = toy.build(Schemes)
    assert toy.Situation("judge", ("make",)) in toy.situations(method)
    assert "made" in toy.given(method, toy.Situation("judge", ("make",))).carried


def test_a_closure_phase_is_not_recorded_and_the_reason_is_said():
    with pytest.raises(CheckSkipped, match="the optimizer of fit computes the loss several times"):
        LIARS.checks["captured_equals_eager"](Schemes)


def test_carries_are_recorded():
    eager = phase("fit", closure=False, optimizer=partial(SGD, lr=0.1))
    LIARS.checks["captured_equals_eager"](type("Recorded", (Schemes,), {"phases": eager}))


def test_a_size_that_is_not_set_is_not_reduced():
    from ganzoo.discovery.registry import registry

    simgan = registry().get("methods", "simgan")  # its committee and its judges are None by default
    found = {name_of(cls).removeprefix("simgan").strip("[]"): cls.Config() for cls in subjects(simgan)}
    assert {"averaged", "committee", "derivatives", "judged"} <= set(found)
    assert (found[""].committee, found["committee"].committee, found["judged"].judges) == (None, 2, 1)


def test_simgan_with_an_averaged_refiner_is_checked_and_passes():
    from ganzoo.discovery.registry import registry

    averaged = next(c for c in subjects(registry().get("methods", "simgan")) if name_of(c) == "simgan[averaged]")
    for name in ("every_parameter_is_trained", "a_phase_moves_only_its_networks", "frozen_networks_stay"):
        LIARS.checks[name](averaged)
    with pytest.raises(CheckFailed, match=r"trains average\.network"):
        LIARS.checks["every_parameter_is_trained"](type("Forgets", (averaged,), {"frozen": lambda self: ()}))
