"""What one update of a phase may change, and what not."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.batch import Batch, DataSpec, OracleBatch
from ganzoo.method import Method
from ganzoo.testing import toy, toy_data
from ganzoo.testing.checks import check, require, skip, violate
from ganzoo.training.phases import phase_runners
from ganzoo.training.timeline import groups_of

aten = torch.ops.aten
SYNCS = {aten._local_scalar_dense, aten.nonzero, aten.equal, aten.masked_select, aten._unique2, aten.unique_dim}


@check(
    Method,
    why="Terms are summed, averaged over processes and logged under their names.",
    fix="Return a dictionary of names and 0-d tensors; detach what is only logged.",
)
def losses_are_named_scalars(cls: type[Method]) -> None:
    """Every loss returns finite 0-d tensors by name, at least one of them with a gradient, for every task."""
    for spec in _specs_of_tasks(cls):
        method = toy.build(cls, spec)
        for name, terms in _losses(method):
            require(isinstance(terms, Mapping) and terms, f"the loss of {name!r} returns no terms")
            for term, value in terms.items():
                scalar = isinstance(term, str) and isinstance(value, Tensor) and value.ndim == 0
                require(scalar, f"{name}/{term} is not a 0-d tensor")
                require(torch.isfinite(value), f"{name}/{term} is {value.item()} for {type(spec.task).__name__}")
            require(any(value.requires_grad for value in terms.values()), f"no term of {name!r} has a gradient")


@check(
    Method,
    why="Two phases that update one network interfere, and a network that is never updated is listed by mistake.",
    fix="List in `networks` exactly what the loss should update, and do not use torch.no_grad between them. Return a "
    "moving average from frozen(), and name it in the `follows` of the phase whose `after` updates it.",
)
def a_phase_moves_only_its_networks(cls: type[Method]) -> None:
    """An update changes all networks of its phase and no other parameter, except frozen modules that it `follows`."""
    scheduled = {name for step in toy.kinds_of_step(toy.build(cls)) for group in groups_of(step) for name in group}
    for situation in toy.situations(toy.build(cls)):
        name, method = situation.phase, toy.build(cls)
        batch = toy.given(method, situation)
        before = {key: parameter.detach().clone() for key, parameter in method.named_parameters()}
        runner = phase_runners(method)[name]
        torch.manual_seed(0)
        for _ in range(2):
            toy.update(runner, batch)
        moved = {key for key, now in method.named_parameters() if not torch.equal(now, before[key])}
        followed = {id(parameter) for module in runner.phase.follows for parameter in module.parameters()}
        own = {id(parameter) for parameter in runner.params} | followed
        foreign = sorted(key for key, now in method.named_parameters() if key in moved and id(now) not in own)
        require(not foreign, f"phase {name!r} changes {', '.join(foreign)}, which is not in its networks")
        if name not in scheduled:
            continue
        keys = {id(parameter): key for key, parameter in method.named_parameters()}
        for index, network in enumerate(method.phases()[name].networks):
            still = not any(keys.get(id(parameter)) in moved for parameter in network.parameters())
            require(not still, f"phase {name!r} does not change network {index} of its list")


@check(
    Method,
    why="The loop freezes, unfreezes, averages and seeds; a loss that also does so breaks in other kinds of runs.",
    fix="Only compute in a loss: no requires_grad_, train, eval, backward, optimizer or manual_seed.",
)
def losses_leave_the_machinery_alone(cls: type[Method]) -> None:
    """A loss changes no parameter, no gradient, no mode, and does not seed."""
    for situation in toy.situations(toy.build(cls)):
        name, method = situation.phase, toy.build(cls)
        batch = toy.given(method, situation)
        method.requires_grad_(True)
        before, seed = _machinery(method), torch.initial_seed()
        method.phases()[name].loss(batch)
        after = _machinery(method)
        for what in before:
            changed = [key for key, value in before[what].items() if not _equal(value, after[what].get(key))]
            require(not changed, f"the loss of {name!r} changes {what} of {', '.join(changed)}")
        require(torch.initial_seed() == seed, f"the loss of {name!r} seeds torch's generator")


@check(
    Method,
    why="Each such wait stalls a GPU, and it cannot be captured in a CUDA graph.",
    fix="Keep values as tensors: torch.where instead of if, detach instead of item, batch.progress as it is.",
)
def losses_never_wait_for_the_device(cls: type[Method]) -> None:
    """No loss reads a tensor's value on the host."""
    method = toy.build(cls)
    for situation in toy.situations(method):
        batch, phase = toy.given(method, situation), method.phases()[situation.phase]
        method.requires_grad_(True)
        with _NoSync(situation.phase):
            _objective(phase.loss(batch)).backward()


@check(
    Method,
    why="A tensor that a loss creates on the CPU fails on a GPU, which the checking machine may not have.",
    fix="Give device=batch.device to tensors created in a loss, and register constants as buffers.",
)
def losses_stay_on_the_device(cls: type[Method]) -> None:
    """A loss creates its tensors on the device of the batch."""
    method = toy.build(cls)
    batches = {situation: toy.given(method, situation) for situation in toy.situations(method)}
    method = toy.build(cls).to("meta").requires_grad_(True)
    untested = []
    for (name, _), batch in batches.items():
        try:
            terms = method.phases()[name].loss(batch.map(lambda tensor: tensor.to("meta")))
        except (NotImplementedError, RuntimeError) as error:
            if isinstance(error, NotImplementedError) and "copy out of meta" not in str(error):
                untested.append(f"phase {name!r} has an operator without a meta kernel")
                continue
            if "autocast device_type" in str(error) or "unsupported scalarType" in str(error):
                untested.append(f"phase {name!r} uses autocast, which does not know the meta device")
                continue
            violate(f"the loss of {name!r} mixes devices or does not stay on the batch's: {str(error).splitlines()[0]}")
        others = [term for term, value in terms.items() if value.device.type != "meta"]
        require(not others, f"the terms {', '.join(others)} of {name!r} are not on the batch's device")
    if untested:
        skip("; ".join(untested))


@check(
    Method,
    why="A run is seeded through torch's default generator alone; other noise differs when it is repeated or resumed.",
    fix="Draw with torch.rand, randn, randint or randperm, with device=batch.device and no generator.",
)
def noise_comes_from_torch(cls: type[Method]) -> None:
    """Building and training draw nothing from Python's or NumPy's global random state."""
    python, numpy = random.getstate(), pickle.dumps(np.random.get_state())
    toy.freshly_trained(cls)
    require(random.getstate() == python, "it draws from Python's random")
    require(pickle.dumps(np.random.get_state()) == numpy, "it draws from numpy.random")


@check(
    Method,
    why="A checkpoint holds only the state dict of a method: all else is lost when a run is resumed.",
    fix="Register what changes with register_buffer (persistent), and derive the rest from batch.progress.",
)
def state_is_all_in_the_state_dict(cls: type[Method]) -> None:
    """Training changes parameters and persistent buffers, and no other attribute of any module."""
    method = toy.build(cls)
    missing = sorted({name for name, _ in method.named_buffers()} - set(method.state_dict()))
    require(not missing, f"the buffers {', '.join(missing)} are not persistent")
    before, runners = _attributes(method), phase_runners(method)
    for stage in method.stages():
        stage.begin()
    for situation in toy.situations(method):
        toy.update(runners[situation.phase], toy.given(method, situation))
    toy.finish(method)
    after = _attributes(method)
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    require(not changed, f"training changes {', '.join(changed)}, which is not in the state dict")


@check(
    Method,
    why="A result that uses target labels unnoticed would be compared with results that do not.",
    fix="Use only batch.target, or declare oracle = True; tables then mark the method.",
)
def target_labels_are_out_of_reach(cls: type[Method]) -> None:
    """No loss of a method that is not an oracle depends on target labels, even if a batch holds them."""
    method = toy.build(cls)
    if toy.is_oracle(cls):
        skip("it declares oracle, so it receives target labels")
    if "target_label" not in method.spec.columns:
        skip("it reads data without labels")
    plain, labels = toy.batch(method), toy_data.columns_of(*toy.domains(method.spec))["target_label"]
    labelled = OracleBatch({**plain.columns, "target_label": labels[: len(plain)]}, plain.progress)
    with_labels, without = _seeded_losses(cls, labelled), _seeded_losses(cls, plain)
    for name, terms in without.items():
        changed = [term for term in terms if not torch.equal(terms[term], with_labels[name][term])]
        require(not changed, f"{name}/{', '.join(changed)} change with the labels of the target")


@check(
    Method,
    why="The same method runs on a laptop and on a large GPU, at batch sizes that it has never seen.",
    fix="Take sizes from len(batch), and keep no tensor that has a batch's size.",
)
def any_batch_size_works(cls: type[Method]) -> None:
    """Updates with batches of different sizes, even and odd, work one after the other."""
    method = toy.build(cls)
    runners = phase_runners(method)
    for situation in toy.situations(method):
        for size in (4, 7, 2):
            terms = toy.update(runners[situation.phase], toy.given(method, situation, toy.batch(method, size)))
            broken = [term for term, value in terms.items() if not torch.isfinite(value)]
            require(not broken, f"{situation.phase}/{', '.join(broken)} is not finite at a batch of {size}")


class _NoSync(TorchDispatchMode):
    """Fails if the host waits for a value of the device."""

    def __init__(self, phase: str) -> None:
        super().__init__()
        self.phase = phase

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        masks = args[1] if func.overloadpacket is aten.index else ()
        if func.overloadpacket in SYNCS or any(mask is not None and mask.dtype is torch.bool for mask in masks):
            violate(f"the loss of {self.phase!r} reads a tensor on the host (by {func})")
        return func(*args, **(kwargs or {}))


def _losses(method: Method, batch: Batch | None = None) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Each phase's terms, with its networks unfrozen as in the loop."""
    for situation in toy.situations(method):
        given, phase = toy.given(method, situation, batch), method.phases()[situation.phase]
        networks = nn.ModuleList(phase.networks).requires_grad_(True)
        yield situation.phase, phase.loss(given)
        networks.requires_grad_(False)


def _seeded_losses(cls: type[Method], batch: Batch) -> dict[str, dict[str, Tensor]]:
    method = toy.build(cls)
    torch.manual_seed(0)
    return {name: {term: value.detach() for term, value in terms.items()} for name, terms in _losses(method, batch)}


def _objective(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([term.float() for term in terms.values() if term.requires_grad]).sum()


def _specs_of_tasks(cls: type[Method]) -> Iterator[DataSpec]:
    """The toy data of the method, with each task that it accepts."""
    first = toy.spec_for(cls)
    for task in toy_data.TASKS:
        spec = toy_data.with_task(first, task)
        if task == first.task or not toy_data.refusal(cls, spec):
            yield spec


def _machinery(method: Method) -> dict[str, dict[str, Any]]:
    """What only the loop may change."""
    parameters = dict(method.named_parameters())
    return {
        "the values": {key: parameter.detach().clone() for key, parameter in parameters.items()},
        "requires_grad": {key: parameter.requires_grad for key, parameter in parameters.items()},
        "the gradient": {key: parameter.grad is None for key, parameter in parameters.items()},
        "the training mode": {key or "the method": module.training for key, module in method.named_modules()},
    }


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else bool(a == b)


def _attributes(method: Method) -> dict[str, str]:
    """The repr of every attribute that is not a parameter, buffer or module."""
    torch_own = set(vars(nn.Module()))
    found = {}
    for path, module in method.named_modules():
        for key, value in vars(module).items():
            if key not in torch_own:
                found[f"{path}.{key}" if path else key] = repr(value)
    return found
