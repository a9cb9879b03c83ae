"""What is exported: one function of a method, as a module from tensors to one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.batch import Column
from ganzoo.capabilities.base import Capability, Exported
from ganzoo.errors import UsageError
from ganzoo.method import Method

PIXELS = "float32 in [-1, 1]; of uint8 pixels it is x / 127.5 - 1"
MADE_PIXELS = "float32 in [-1, 1]; as uint8 pixels (x + 1) * 127.5, rounded"
VALUES = {"image": PIXELS, "mask": "float32, 0 or 1", "vector": "float32"}
Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Function:
    """A function of a method, with the meaning of its inputs and output."""

    capability: Capability
    module: nn.Module  # on the CPU, in eval mode
    inputs: Callable[[int], Inputs]  # the given number of rows for a check: the same on every call
    takes: Sequence[Mapping[str, Any]]  # for the card: each input
    output: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.capability.name


class _Call(nn.Module):
    """Calls one function of the method."""

    def __init__(self, method: nn.Module, name: str) -> None:
        super().__init__()
        self.method, self.name = method, name

    def forward(self, *given: Tensor) -> Tensor:
        made: Tensor = getattr(self.method, self.name)(*given)
        return made.float()


def function_of(method: Method, capability: Capability) -> Function:
    """The function of one capability, on a copy of the method without what the function does not use.

    Raises UsageError, in one sentence, if it cannot be exported.
    """
    copy = deepcopy(method).eval().cpu().requires_grad_(False).to(memory_format=torch.contiguous_format)
    exportable = capability.export(copy)

    def inputs(count: int) -> Inputs:
        return tuple(each.values(count).float() for each in exportable.inputs)

    call = _Call(copy, exportable.function).eval()
    with torch.no_grad():
        first, second = call(*inputs(2)), call(*inputs(2))
        if not torch.equal(first, second):
            raise UsageError(f"method {method.name} cannot be exported: its {capability.name} draws noise inside")
        tried = inputs(2)
        _drop_unused(copy, call, tried, first)
        made = call(*inputs(1))
    takes = [_input_card(each, given) for each, given in zip(exportable.inputs, tried, strict=True)]
    samples = [each for each in exportable.inputs if each.column.kind == "image"]
    if len(samples) == 1:
        takes[exportable.inputs.index(samples[0])]["name"] = "images"
    return Function(capability, call, inputs, takes, _output_card(copy, capability, made))


def _drop_unused(method: Method, call: nn.Module, inputs: Inputs, expected: Tensor) -> None:
    """Remove every part that the function does not use: discriminators, histories."""
    for name, part in list(method.named_children()):
        delattr(method, name)
        try:
            needed = not torch.equal(call(*inputs), expected)
        except Exception:  # whatever a method raises if a part is missing
            needed = True
        if needed:
            method.add_module(name, part)


def _input_card(each: Exported, given: Tensor) -> dict[str, Any]:
    card = {"name": each.name, "shape": ["batch", *given.shape[1:]], "values": VALUES[each.column.kind]}
    if each.column.kind == "vector":
        return {**card, "values": f"float32; {each.meaning}"}
    return {**card, "meaning": f"{each.meaning} [N, C, H, W]"}


def _output_card(method: Method, capability: Capability, made: Tensor) -> dict[str, Any]:
    shape, column = ["batch", *made.shape[1:]], capability.output(method)
    if capability.makes == "labels":
        meaning = f"{type(method.spec.task).__name__} labels"
        return {"name": "prediction", "shape": shape, "values": "float32", "meaning": meaning}
    name = "codes" if capability.makes == "codes" else capability.adjective
    return {"name": name, "shape": shape, "values": _made_values(column)}


def _made_values(column: Column) -> str:
    return MADE_PIXELS if column.kind == "image" else VALUES[column.kind]
