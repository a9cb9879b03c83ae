"""A finished run in Python: `ganzoo.load(run).refine(images)`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.applying.call import apply_batch
from ganzoo.applying.choice import capabilities_of, capability_of
from ganzoo.applying.forms import Form, Value, value_of
from ganzoo.batch import DataSpec
from ganzoo.capabilities.base import Capability
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.discovery.registry import registry
from ganzoo.errors import CheckpointError, NotEnoughMemoryError, UsageError
from ganzoo.method import Method
from ganzoo.runs.experiment import Plan, load_trained, plan_of_run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.system import out_of_memory
from ganzoo.system.paths import typed
from ganzoo.training.devices import random_state_kept, resolve_device

BATCH_SIZE = 256  # the default of the commands, so that both give the same


class UnableError(UsageError, AttributeError):
    """The run's method does not have that capability. Also an AttributeError, so that `hasattr` says so."""


class Trained:
    """The method of a finished run, ready for use. `ganzoo.load` makes it.

    Every capability of the method is a function of this object: `refine(images)`,
    `predict(images)`, `generate(count)`, `encode(images)`, `inpaint(images, mask)`. `can` lists them.

    Images have two forms, and the result has the form, type and device of the first input:

    - numpy: uint8 [N, H, W, C], for grey ones [N, H, W] too;
    - torch: [N, C, H, W], uint8 or float in [-1, 1].

    Masks have the same shapes and hold bool, or 0 and 1. Labels, codes and other vectors are numbers [N, k]. Height,
    width and channels are those of the run (`spec`). Noise, if a method draws any, depends on `seed` and the place of a
    row; torch's own random state is preserved.
    """

    def __init__(self, folder: RunFolder, plan: Plan, method: Method, step: int, device: torch.device) -> None:
        self.folder, self.plan, self.method, self.step, self.device = folder, plan, method, step, device

    def __repr__(self) -> str:
        return (
            f"<{self.plan.method.name} trained on {self.plan.dataset.name} to step {self.step:,}, {self.folder.path}>"
        )

    @property
    def spec(self) -> DataSpec:
        """The shape of the images, and the meaning of labels."""
        return self.method.spec

    @property
    def can(self) -> tuple[str, ...]:
        """The names of all capabilities of the method."""
        return tuple(capabilities_of(self.method))

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self.can]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name == "method":  # not ours; `method` is absent only during unpickling
            raise AttributeError(name)
        try:
            capability = capability_of(self.method, name)
        except UsageError as error:
            raise UnableError(str(error)) from None

        def call(*inputs: Any, batch_size: int = BATCH_SIZE, seed: int = 0, **named: Any) -> np.ndarray | Tensor:
            return self._apply(capability, _in_order(capability, inputs, named), batch_size, seed)

        call.__name__, call.__doc__ = name, capability.summary
        return call

    def _apply(self, capability: Capability, given: list[Any], batch_size: int, seed: int) -> np.ndarray | Tensor:
        """Apply the capability, batch by batch."""
        name = capability.name
        batch_size, seed = _whole(name, "batch_size", batch_size, 1), _whole(name, "seed", seed, 0)
        if not capability.arguments:
            values, count = [], _whole(name, "count", given[0], 1)
        else:
            values = self._values(capability, given)
            count = len(values[0].rows)
        form = values[0].form if values else Form()
        made = []
        with self._working(name):
            for at in range(0, max(count, 1), batch_size):  # one empty batch if there are no rows
                part = slice(at, min(at + batch_size, count))
                inputs = [value.part(part, self.device) for value in values]
                if problem := capability.problem(self.method, [each.cpu() for each in inputs]):
                    raise UsageError(f"{name}: {problem}")
                made.append(apply_batch(capability, self.method, inputs, part, self.device, seed).cpu())
            return form.back(torch.cat(made), capability.output(self.method))

    def _values(self, capability: Capability, given: list[Any]) -> list[Value]:
        pairs = zip(given, capability.arguments, strict=True)
        values = [
            value_of(each, argument, capability.input(self.method, argument), self.folder.path)
            for each, argument in pairs
        ]
        counts = [len(value.rows) for value in values]
        if len(set(counts)) > 1:
            names = " and ".join(argument.name for argument in capability.arguments)
            raise UsageError(f"{capability.name}: {names} must have equal numbers of rows, but have {counts}")
        return values

    @contextmanager
    def _working(self, name: str) -> Iterator[None]:
        """In the body the method runs: random state is preserved, and every error is a GanzooError."""
        try:
            with random_state_kept(self.device), blaming(f"method {self.plan.method.name}, {name}"):
                yield
        except Exception as error:
            if not out_of_memory.is_out_of_memory(error):
                raise
            said = f"{name} ran out of memory; a smaller batch_size or fewer rows may fit"
            raise NotEnoughMemoryError(said) from error


def _in_order(capability: Capability, inputs: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """The inputs of a call in the order of the arguments. Raises UsageError for missing and unknown ones."""
    names = [argument.name for argument in capability.arguments] or ["count"]
    both = dict(zip(names, inputs, strict=False))
    if len(inputs) > len(names) or named.keys() & both.keys() or {*both, *named} != {*names}:
        raise UsageError(f"the call is {capability.name}({', '.join(names)}, batch_size={BATCH_SIZE}, seed=0)")
    return [{**both, **named}[name] for name in names]


def _whole(call: str, name: str, value: object, least: int) -> int:
    """A whole number of Python or numpy. Raises UsageError for anything else, and below `least`."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < least:
        raise UsageError(f"{call}: {name} is {value!r:.50}; it must be a whole number, {least} or more")
    return number


def load(run: str | PathLike[str], *, device: str = "auto", plugins: Iterable[str | PathLike[str]] = ()) -> Trained:
    """See `ganzoo.load`."""
    files = [plugins] if isinstance(plugins, str | PathLike) else plugins
    try:
        paths = [typed(file) for file in files]
        folder = RunFolder(typed(run))
    except TypeError as error:
        raise UsageError(f"load: run is the path of a run folder, and plugins are paths of files ({error})") from None
    for path in paths:
        registry().add_file(path)
    plan = plan_of_run(folder)
    place = resolve_device(str(device))
    method, step = load_trained(folder, plan, place)
    if step < plan.train.steps:
        raise CheckpointError(
            f"{folder.path} is at step {step} of {plan.train.steps}; run the `ganzoo run` command that started it again"
        )
    return Trained(folder, plan, method.requires_grad_(False), step, place)
