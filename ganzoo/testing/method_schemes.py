"""Training schemes: handed-on tensors, stages, frozen and averaged networks, closures, and no steps."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ganzoo.errors import PluginError
from ganzoo.method import Method
from ganzoo.testing import toy
from ganzoo.testing.checks import check, require
from ganzoo.training.config import TrainConfig
from ganzoo.training.phases import phase_runners
from ganzoo.training.timeline import Timeline


@check(
    Method,
    why="Only declared tensors reach a later phase, work with micro-batches and are part of a recorded phase.",
    fix="Give hand_on exactly the names in `hands_on`, one row for each row of the batch, and name in `takes` what an "
    "earlier phase hands on.",
)
def carries_are_declared(cls: type[Method]) -> None:
    """A phase hands on exactly what it declares, and takes what some other phase hands on."""
    method = toy.build(cls)
    phases, runners = method.phases(), phase_runners(method)
    for name, phase in phases.items():
        others = {each for other, given in phases.items() if other != name for each in given.hands_on}
        unknown = sorted({*phase.takes} - others)
        require(not unknown, f"phase {name!r} takes {', '.join(unknown)}, which no other phase hands on")
    for situation in toy.situations(method):
        name = situation.phase
        try:
            toy.update(runners[name], toy.given(method, situation))
        except PluginError as error:
            require(False, f"phase {name!r}: {error}")


@check(
    Method,
    why="Every stage is a part of the run; a resumed run calls stages() again.",
    fix='Return Stage("name", share, schedule) with unique names, positive shares and a schedule of phases.',
)
def stages_are_pure(cls: type[Method]) -> None:
    """Stages have unique names, positive shares and resting modules of the method; stages() changes nothing."""
    method = toy.build(cls)
    before, stages, again = toy.state(method), list(method.stages()), list(method.stages())
    require(stages, "stages() returns none")
    same = [(stage.name, stage.share) for stage in stages] == [(stage.name, stage.share) for stage in again]
    require(same, "stages() returns others when called again")
    names = [stage.name for stage in stages]
    require(all(names) and len({*names}) == len(names), f"the names of its stages are {names}; each needs its own")
    for stage in stages:
        good = isinstance(stage.share, int | float) and math.isfinite(stage.share) and stage.share > 0
        require(good, f"the share of the stage {stage.name!r} is {stage.share!r}, not a positive number")
        strangers = [module for module in stage.resting if all(module is not own for own in method.modules())]
        require(not strangers, f"a module that rests in the stage {stage.name!r} is not inside the method")
    changed = toy.differences(before, toy.state(method))
    require(not changed, f"stages() changed {', '.join(changed)}")


@check(
    Method,
    why="A run that is killed at a transition repeats it, from the saved state alone.",
    fix="Let Stage.begin read only parameters and buffers, such as by load_state_dict, and draw noise from torch.",
)
def transitions_are_exact(cls: type[Method]) -> None:
    """A stage begins in the same way from the same state, and a run resumed there ends like an uninterrupted one."""
    method, other = toy.hurried(cls), toy.hurried(cls, seed=1)
    stages = list(method.stages())
    toy.train(method, steps=len(stages))
    other.load_state_dict(method.state_dict())
    for stage, copy in zip(stages, other.stages(), strict=True):
        for each in (stage, copy):
            torch.manual_seed(0)
            with torch.no_grad():
                each.begin()
        changed = toy.differences(toy.state(method), toy.state(other))
        require(
            not changed,
            f"the stage {stage.name!r} begins with a different {', '.join(changed[:5])} from an equal state",
        )
    if len(stages) > 1:
        _resumes_at_transitions(cls)


def _resumes_at_transitions(cls: type[Method]) -> None:
    whole = toy.hurried(cls)
    logs = toy.train(whole)
    for end in Timeline(whole, toy.STEPS).ends[:-1]:
        with tempfile.TemporaryDirectory() as folder:
            toy.train(toy.hurried(cls), Path(folder), save_every=end, stop_at=end)
            resumed = toy.hurried(cls, seed=1)
            later = toy.train(resumed, Path(folder), save_every=end)
        changed = toy.differences(toy.state(whole), toy.state(resumed))
        require(later == logs[end:] and not changed,
                f"a run that is resumed at step {end}, where a stage begins, ends differently")  # fmt: skip


@check(
    Method,
    why="A frozen network must not change, and BatchNorm in training mode would change it with each batch.",
    fix="Leave frozen networks out of every phase; if `after` of a phase changes one, name it in its `follows`.",
)
def frozen_networks_stay(cls: type[Method]) -> None:
    """Frozen modules stay in eval mode and unchanged by updates, except those that a phase `follows`."""
    method = toy.build(cls)
    frozen = list(method.frozen())
    inside = {id(part) for module in frozen for part in module.modules()}
    own = {id(module) for module in method.modules()}
    require(inside <= own, "frozen() returns a module that is not inside the method")
    awake = [name for name, module in method.named_modules() if id(module) in inside and module.training]
    require(not awake, f"{', '.join(awake)} is frozen, but in training mode after train()")
    held = {id(parameter) for module in frozen for parameter in module.parameters()}
    for situation in toy.situations(method):
        name, phase = situation.phase, method.phases()[situation.phase]
        stranger = any(id(module) not in inside for module in phase.follows)
        require(not stranger, f"phase {name!r} follows a module that frozen() does not return")
        both = any(id(parameter) in held for network in phase.networks for parameter in network.parameters())
        require(not both, f"phase {name!r} trains a network of frozen()")
        followed = {id(part) for module in phase.follows for part in module.modules()}
        batch, before = toy.given(method, situation), _own_state(method, inside - followed)
        toy.update(phase_runners(method)[name], batch)
        changed = toy.differences(before, _own_state(method, inside - followed))
        require(not changed, f"phase {name!r} changes {', '.join(changed[:5])}, which is frozen")
        awake = [key for key, module in method.named_modules() if id(module) in inside and module.training]
        require(not awake, f"phase {name!r} puts {', '.join(awake[:5])} into training mode, which is frozen")


def _own_state(method: Method, modules: set[int]) -> Mapping[str, Tensor]:
    """Copies of the parameters and buffers of these modules themselves, by name."""
    return {
        f"{path}.{name}" if path else name: tensor.detach().clone()
        for path, module in method.named_modules()
        if id(module) in modules
        for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    }


@check(
    Method,
    why="After each update the loop averages these buffers over all processes, in place.",
    fix='Name float buffers of the method in `averages`, by their full names: "balance" or "critic.center".',
)
def averaged_buffers_exist(cls: type[Method]) -> None:
    """What a phase averages over processes are floating-point buffers of the method."""
    method = toy.build(cls)
    buffers = dict(method.named_buffers())
    for name, phase in method.phases().items():
        unknown = [each for each in phase.averages if each not in buffers]
        require(not unknown, f"phase {name!r} averages {', '.join(unknown)}, which is not a buffer of the method")
        whole = [each for each in phase.averages if not buffers[each].is_floating_point()]
        require(not whole, f"phase {name!r} averages {', '.join(whole)}, which does not hold floating-point numbers")


@check(
    Method,
    why="An optimizer with a closure computes the loss of one batch several times, and compares the values.",
    fix="Set closure = True for a phase of one such optimizer (torch.optim.LBFGS), and let its loss change no state "
    "that it reads.",
)
def closures_are_repeatable(cls: type[Method]) -> None:
    """An optimizer that needs a closure is declared, and the loss of its phase is the same when computed again."""
    method = toy.build(cls)
    runners = phase_runners(method)
    for situation in toy.situations(method):
        name, runner = situation.phase, runners[situation.phase]
        needs = any(isinstance(optimizer, torch.optim.LBFGS) for optimizer in runner.optimizers)
        require(runner.phase.closure or not needs, f"the optimizer of {name!r} needs a closure, but closure is False")
        if not runner.phase.closure:
            continue
        batch, asked = toy.given(method, situation), []
        for _ in range(2):
            torch.manual_seed(0)
            networks = nn.ModuleList(runner.phase.networks).requires_grad_(True)
            asked.append(runner.computed(batch).objective)
            networks.requires_grad_(False)
        require(torch.equal(*asked), f"the loss of {name!r} is {asked[0]:.6g}, but {asked[1]:.6g} when computed again")
        toy.update(runner, batch)


@check(
    Method,
    once=True,
    why="Steps without phases do nothing, and a stage without a step never begins.",
    fix='Write presets = {"default": {"train": {"steps": 0}}} for a method without phases, and for any other at least '
    "as many steps as it has stages.",
)
def steps_fit_the_phases(cls: type[Method]) -> None:
    """Its presets have no steps if it has no phases, else a step for each stage; 0 steps also work."""
    method = toy.build(cls)
    trains = bool(method.phases())
    for name, preset in {"default": {}, **cls.presets}.items():
        steps = preset.get("train", {}).get("steps", TrainConfig().steps)
        require(trains or steps == 0, f"it has no phases, but preset {name!r} has {steps} steps")
        enough = not trains or steps >= len(method.stages())
        require(enough, f"preset {name!r} has {steps} steps for {len(method.stages())} stages")
    with tempfile.TemporaryDirectory() as folder:
        toy.train(method, Path(folder), steps=0)
