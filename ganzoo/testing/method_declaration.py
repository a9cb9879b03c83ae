"""The declaration of a method: name, presets, capabilities, schedule. Nothing here trains."""

from __future__ import annotations

import inspect
import math

from ganzoo.capabilities.base import all_of
from ganzoo.configuration import layers
from ganzoo.discovery.registry import registry
from ganzoo.method import Method
from ganzoo.testing import toy
from ganzoo.testing.checks import check, require
from ganzoo.testing.configured import name_of, original, subjects
from ganzoo.testing.declaration import words_are_given
from ganzoo.training.config import TrainConfig
from ganzoo.training.timeline import groups_of


@check(
    Method,
    once=True,
    why="Lists, tables and reports show these words to people who do not know the method.",
    fix='Write name = "as-published" in lower case, summary = "One sentence." and paper = "https://..." (or "").',
)
def declares_itself(cls: type[Method]) -> None:
    """It has a lower-case name, a summary of one sentence, and the address of its paper."""
    words_are_given(cls, "paper")
    require(cls.paper == "" or cls.paper.startswith("https://"), f"the paper {cls.paper!r} is not an https address")


@check(
    Method,
    once=True,
    why="A method must be readable in one file: inherited behaviour changes with the other method.",
    fix="Extend ganzoo.method.Method directly, and share code through functions and modules such as ganzoo.nn.",
)
def extends_method_directly(cls: type[Method]) -> None:
    """It extends only Method, and capability protocols."""
    own = original(cls)
    protocols = {kind.protocol for kind in registry().found["capabilities"].values()}
    others = [base.__name__ for base in own.__bases__ if base is not Method and base not in protocols]
    require(not others, f"it extends {', '.join(others)}")


@check(
    Method,
    once=True,
    why="A preset that does not fit its settings fails only when a user asks for it.",
    fix='Write presets = {"name": {"method": {setting: value}, "train": {"steps": ..., "batch_size": ...}}}.',
)
def presets_are_valid(cls: type[Method]) -> None:
    """Each preset holds known settings with allowed values, and a method can be built from it."""
    for name, preset in cls.presets.items():
        unknown = sorted(set(preset) - {"method", "train"})
        require(not unknown, f"preset {name!r} has a table {', '.join(unknown)}; only method and train are allowed")
        layer = f"preset {name!r}"
        layers.build_config(TrainConfig, {layer: preset.get("train", {})})
        layers.build_config(cls.Config, {layer: preset.get("method", {})})
    wrong = [name for name in cls.checked_at_most if name not in cls.Config.model_fields]
    require(not wrong, f"checked_at_most names {', '.join(wrong)}, which is not a setting")
    layers.build_config(cls.Config, {"checked_at_most": cls.checked_at_most})
    for chosen in subjects(cls):
        method, name = toy.build(chosen), name_of(chosen)
        require(not method.phases() or toy.kinds_of_step(method), f"{name} schedules nothing")


@check(
    Method,
    once=True,
    why="Metrics and commands depend on capabilities; a method without any is never measured.",
    fix="Write a function such as refine, generate or predict, with the attributes that its protocol in "
    "ganzoo.capabilities requires.",
)
def has_a_capability(cls: type[Method]) -> None:
    """It has a function that an installed capability describes, with all else that the protocol requires."""
    known = registry().found["capabilities"]
    able = all_of(known, cls)
    require(able, f"it has none of the functions {', '.join(known)}")
    method = toy.build(cls)
    for name, capability in able.items():
        missing = [part for part in _members(capability.protocol) if not hasattr(method, part)]
        require(not missing, f"it has {name}, but not {', '.join(missing)}, which {capability.protocol.__name__} needs")


@check(
    Method,
    why="A resumed run calls the schedule of earlier steps again, to know which data it has drawn.",
    fix="Let schedule and phases read only `step` and the config, and return names of phases.",
)
def schedule_is_pure(cls: type[Method]) -> None:
    """The phases of a step depend only on the step, and calling the schedule changes nothing."""
    method = toy.build(cls)
    before, names = toy.state(method), list(method.phases())
    for stage in method.stages():
        of = f" of the stage {stage.name!r}" if len(method.stages()) > 1 else ""
        for step in (0, 1, 10, 1_000, 100_000, 10, 0):
            first, again = groups_of(stage.schedule(step)), groups_of(stage.schedule(step))
            require(first == again, f"step {step}{of} is {first} when first called and {again} when called again")
            require(first or not names, f"step {step}{of} runs no phase")
            unknown = sorted({name for group in first for name in group} - set(names))
            require(not unknown, f"step {step}{of} runs {unknown}, which phases() does not declare")
        asked = [[groups_of(stage.schedule(step)) for step in order] for order in (range(50), reversed(range(50)))]
        same = asked[0] == asked[1][::-1]
        require(same, f"the schedule{of} differs when it is called from the last step to the first")
    require(list(method.phases()) == names, "phases() returns other phases when called again")
    changed = toy.differences(before, toy.state(method))
    require(not changed, f"calling the schedule changed {', '.join(changed)}")


@check(
    Method,
    why="An untrained parameter costs memory and communication between processes, and is usually a mistake.",
    fix="Put its network into a phase that the schedule runs, return it from frozen() if no phase should train it, or "
    "use a buffer for what is not learned.",
)
def every_parameter_is_trained(cls: type[Method]) -> None:
    """Each parameter belongs to a network of a phase that the schedule runs, or to a frozen one."""
    method = toy.build(cls)
    phases = method.phases()
    runs = {name for step in toy.kinds_of_step(method) for group in groups_of(step) for name in group}
    trained = {id(p) for name in runs & set(phases) for net in phases[name].networks for p in net.parameters()}
    frozen = {id(parameter) for module in method.frozen() for parameter in module.parameters()}
    idle = [name for name, parameter in method.named_parameters() if id(parameter) not in trained | frozen]
    require(not idle, f"no scheduled phase trains {', '.join(idle)}")


@check(
    Method,
    why="Both phases use one optimizer, which is built for the parameters of the earlier one.",
    fix="Name an earlier phase that has its own optimizer and trains the same networks; a tuple of "
    "optimizers, and the options, need one entry for each network.",
)
def shared_optimizers_fit(cls: type[Method]) -> None:
    """A phase that names the optimizer of another names an earlier one, of the same networks."""
    earlier: dict[str, set[int]] = {}
    for name, phase in toy.phases(toy.build(cls)).items():
        several = isinstance(phase.optimizer, tuple)
        wanted = phase.optimizer if isinstance(phase.optimizer, tuple) else (phase.optimizer,)
        networks = [[each] for each in phase.networks] if several else [list(phase.networks)]
        require(len(wanted) == len(networks),
                f"phase {name!r} has {len(wanted)} optimizers for {len(networks)} networks")  # fmt: skip
        options = len(phase.options) in (0, len(phase.networks))
        require(options, f"phase {name!r} has {len(phase.options)} options for {len(phase.networks)} networks")
        for at, (optimizer, parts) in enumerate(zip(wanted, networks, strict=True)):
            own = {id(parameter) for network in parts for parameter in network.parameters()}
            key = f"{name}/{at}" if several else name
            if not isinstance(optimizer, str):
                earlier[key] = own
                continue
            known = optimizer in earlier
            require(known, f"phase {name!r} shares the optimizer of {optimizer!r}, which is not an earlier phase")
            same = own == earlier[optimizer]
            require(same, f"phases {name!r} and {optimizer!r} share an optimizer, but not their networks")


@check(
    Method,
    why="Learning rates are computed from progress at every update, so a resumed run must get the same ones.",
    fix="Use ganzoo.method.constant or linear_decay, or a function of progress alone.",
)
def decay_is_pure(cls: type[Method]) -> None:
    """The learning-rate factor is a finite number of at least 0 that depends on progress alone."""
    for name, phase in toy.phases(toy.build(cls)).items():
        points = [0.0, 0.3, 0.5, 0.9, 0.999]
        forwards = [phase.decay(progress) for progress in points]
        backwards = [phase.decay(progress) for progress in reversed(points)][::-1]
        require(forwards == backwards, f"the decay of {name!r} returns {forwards}, and then {backwards}")
        good = all(isinstance(factor, int | float) and math.isfinite(factor) and factor >= 0 for factor in forwards)
        require(good, f"the decay of {name!r} returns {forwards}")


def _members(protocol: type) -> list[str]:
    """What a protocol requires: functions and attributes."""
    written = {*vars(protocol), *inspect.get_annotations(protocol)}
    return sorted(name for name in written if not name.startswith("_"))
