"""The declaration of a capability, and whether its toy follows it."""

from __future__ import annotations

import inspect
import keyword
import math
import re
from collections.abc import Iterator
from typing import get_args

import torch

from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument, Capability, Exportable, Makes
from ganzoo.errors import DatasetError, UsageError
from ganzoo.method import Method
from ganzoo.task import ClassTask, GazeTask, Task
from ganzoo.testing import toy, toy_data
from ganzoo.testing.checks import check, require, skip, violate
from ganzoo.testing.method_outputs import inputs_for, problems, quietly
from ganzoo.testing.toy_evaluation import ToyMethod, toy_method

COUNT = 5
DATA: tuple[tuple[Column, Task], ...] = (
    (Column((1, 16, 24)), GazeTask()),
    (Column((3, 9, 7)), ClassTask(3)),
    (Column((2,), "vector"), GazeTask()),
)


@check(
    Capability,
    once=True,
    why="Metrics, sheets, commands and exports know a capability only by these words.",
    fix="Write name, summary, a runtime-checkable Protocol with the one function of that name, arguments with the "
    "names of its parameters, and `makes`.",
)
def capability_declares_itself(cls: type[Capability]) -> None:
    """It has a name, a summary, a protocol with the function of that name, its arguments, and what it makes."""
    name, summary = getattr(cls, "name", ""), getattr(cls, "summary", "")
    good = isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]*", name) and not keyword.iskeyword(name)
    require(good, f"the name {name!r} is not valid for a function; write it in lower case with underscores")
    require(
        isinstance(summary, str) and re.fullmatch(r"[A-Z].*[.]", summary), f"the summary {summary!r} is not a sentence"
    )
    protocol = getattr(cls, "protocol", None)
    runtime = getattr(protocol, "_is_protocol", False) and getattr(protocol, "_is_runtime_protocol", False)
    require(runtime, f"protocol is {protocol!r}, not a Protocol marked with runtime_checkable")
    function = vars(protocol).get(name)
    require(inspect.isfunction(function), f"the protocol has no function {name}")
    arguments = getattr(cls, "arguments", None)
    tuples = isinstance(arguments, tuple) and all(isinstance(each, Argument) for each in arguments)
    require(tuples, f"arguments are {arguments!r}, not a tuple of Argument")
    parameters = list(inspect.signature(function).parameters)[1:]  # type: ignore[arg-type]
    wanted = [each.name for each in cls.arguments] or parameters[:1]
    require(parameters == wanted and wanted, f"the function takes {parameters}, but arguments are {wanted}")
    for each in cls.arguments:
        require(each.side in ("source", "target"), f"the side of {each.name} is {each.side!r}")
        require(each.meaning.strip(), f"the argument {each.name} has no meaning")
    require(cls.makes in get_args(Makes), f"makes is {cls.makes!r}, not one of {', '.join(get_args(Makes))}")
    ranks = cls.realism is None or (isinstance(cls.realism, int) and cls.makes == "samples")
    require(ranks, f"realism is {cls.realism!r}; it must be an integer, of a capability that makes samples, or None")


@check(
    Capability,
    once=True,
    why="Metrics, sheets and exports are checked with the toy, and a method is called only for what it has.",
    fix="Write a class with the function and the attributes of the protocol, and name it in `toy`.",
)
def toy_has_the_capability(cls: type[Capability]) -> None:
    """Its toy satisfies the protocol, and a method without the function does not have the capability."""
    require(isinstance(getattr(cls, "toy", None), type), f"toy is {getattr(cls, 'toy', None)!r}, not a class")
    for capability, method in _toys(cls):
        require(capability.has(method) and capability.has(type(method)), "its toy does not have the capability")
        require(isinstance(method, cls.protocol), f"its toy lacks something that {cls.protocol.__name__} requires")
        bare = toy.build(ToyMethod, method.spec)
        require(not capability.has(bare), "a method that can do nothing has the capability")


@check(
    Capability,
    once=True,
    why="The kit calls every method on these inputs; the result must be repeatable.",
    fix="Return the column of the data, or make one up with its own generator: torch.Generator().manual_seed(0).",
)
def toy_inputs_fit(cls: type[Capability]) -> None:
    """Toy inputs are the same on every call, have the form of `input`, and are valid."""
    for capability, method in _toys(cls):
        inputs = inputs_for(capability, method, COUNT)
        torch.manual_seed(7)
        again = inputs_for(capability, method, COUNT)
        for argument, given, other in zip(capability.arguments, inputs, again, strict=True):
            require(torch.equal(given, other), f"the toy input {argument.name} differs when it is created again")
            column = capability.input(method, argument)
            require(isinstance(column, Column), f"input returns {column!r} for {argument.name}, not a Column")
            wanted = (COUNT, *column.shape)
            require(
                tuple(given.shape) == wanted, f"the toy input {argument.name} is {tuple(given.shape)}, not {wanted}"
            )
        said = capability.problem(method, inputs)
        require(said == "", f"problem returns {said!r} for the toy inputs, which are valid")


@check(
    Capability,
    once=True,
    why="Metrics, exports and the kit check every method against this output.",
    fix="Return from `output` the Column of one row of the result, and let `call` return a row for each row of input.",
)
def output_agrees_with_the_toy(cls: type[Capability]) -> None:
    """The toy's output has the shape, type and range of `output`, for images and vectors."""
    for capability, method in _toys(cls):
        inputs = inputs_for(capability, method, COUNT)
        require(isinstance(capability.output(method), Column), "output does not return a Column")
        made = quietly(capability, method, inputs, COUNT)
        for problem in problems(capability, method, inputs, made, COUNT):
            violate(f"its toy {problem}, for {method.spec.sample}")


@check(
    Capability,
    once=True,
    why="A sheet is drawn at every checkpoint; one bad row disables the run's sheets.",
    fix="Return rows of samples [N, ...], including the result, or none if the output is not samples.",
)
def rows_can_be_drawn(cls: type[Capability]) -> None:
    """The rows of its sheet are samples, one for each row of its inputs; a capability without samples has no rows."""
    for capability, method in _toys(cls):
        inputs = inputs_for(capability, method, COUNT)
        rows = list(capability.rows(method, inputs, quietly(capability, method, inputs, COUNT)))
        require(rows if capability.makes == "samples" else not rows, f"it makes {cls.makes}, but has {len(rows)} rows")
        for row in rows:
            fits = (
                isinstance(row, torch.Tensor) and len(row) == COUNT and row.dim() == 1 + len(method.spec.sample.shape)
            )
            require(fits, f"a row is {tuple(row.shape)}, not {COUNT} samples of {method.spec.sample}")


@check(
    Capability,
    once=True,
    why="The kit checks whether training brings a method closer to the goal than doing nothing.",
    fix="Let goal and baseline return a float that is smaller for better results, and use no random numbers.",
)
def goal_is_a_number(cls: type[Capability]) -> None:
    """Goal and baseline are numbers, the same when computed again."""
    for capability, method in _toys(cls):
        truth = toy_data.columns_of(*toy.domains(method.spec, count=COUNT, seed=1))
        made = quietly(capability, method, inputs_for(capability, method, COUNT, truth), COUNT)
        for what, (first, again) in {
            "goal": [capability.goal(method, truth, made) for _ in range(2)],
            "baseline": [capability.baseline(method, truth) for _ in range(2)],
        }.items():
            number = isinstance(first, float) and not math.isnan(first) and (what == "baseline" or math.isfinite(first))
            require(number, f"its {what} is {first!r}, not a number")
            require(first == again, f"its {what} is {first:g}, but {again:g} when computed again")


@check(
    Capability,
    once=True,
    why="`ganzoo export` writes this function, with these inputs, for programs that do not have ganzoo.",
    fix="Return Exportable(function, inputs) with the name of a function of the method, or raise UsageError in words.",
)
def export_names_a_function(cls: type[Capability]) -> None:
    """The export is a function of the method with the stated inputs, or is refused with a reason."""
    for capability, method in _toys(cls):
        try:
            exported = capability.export(method)
        except UsageError as error:
            require(str(error).strip(), "export is refused without a reason")
            continue
        require(isinstance(exported, Exportable), f"export returns {exported!r}, not an Exportable")
        function = getattr(method, exported.function, None)
        require(callable(function), f"it exports {exported.function!r}, which is not a function of the method")
        rows = [each.values(2) for each in exported.inputs]
        with torch.no_grad():
            made = function(*rows)  # type: ignore[misc]
        require(isinstance(made, torch.Tensor), f"the exported {exported.function} returns {type(made).__name__}")


def _toys(cls: type[Capability]) -> Iterator[tuple[Capability, Method]]:
    """The capability with its toy, on those of images and vectors that it can be applied to."""
    found = False
    for sample, task in DATA:
        method = toy_method(cls, toy_data.with_columns(sample, task, cls.arguments)).eval()
        capability = cls()
        try:
            capability.output(method)
            for argument in capability.arguments:
                capability.input(method, argument)
        except DatasetError:  # such as a capability of images, on vectors
            continue
        found = True
        yield capability, method
    if not found:
        skip("it cannot be applied to any data of the kit")
