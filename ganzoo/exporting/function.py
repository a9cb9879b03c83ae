"""What is exported: one function of a method, as a module from one tensor to one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ganzoo.capabilities import Generates, GeneratesFromLatent, Predicts, Refines
from ganzoo.errors import UsageError
from ganzoo.method import Method
from ganzoo.pixels import to_unit_range

Name = Literal["refine", "predict", "generate"]
CAPABILITIES: Mapping[Name, type] = {"refine": Refines, "predict": Predicts, "generate": Generates}
METHODS: Mapping[Name, str] = {"refine": "refine", "predict": "predict", "generate": "generate_from"}
PIXELS = "float32 in [-1, 1]; of uint8 pixels it is x / 127.5 - 1"


@dataclass(frozen=True)
class Function:
    """A function of a method, with what its input and output mean."""

    name: Name
    module: nn.Module  # on the CPU, in eval mode
    inputs: Callable[[int], Tensor]  # so many inputs that it can be tried with: the same on every call
    input: Mapping[str, Any]  # for the card
    output: Mapping[str, Any]


class _Call(nn.Module):
    """Calls one function of the method."""

    def __init__(self, method: nn.Module, name: str) -> None:
        super().__init__()
        self.method, self.name = method, name

    def forward(self, given: Tensor) -> Tensor:
        made: Tensor = getattr(self.method, self.name)(given)
        return made.float()


def function_of(method: Method, name: Name | None) -> Function:
    """The named function, or the first that the method has, on a copy of it without what the function does not use.

    Raises UsageError, in one sentence, where the method has no such function or where it cannot be exported.
    """
    able = [each for each, capability in CAPABILITIES.items() if isinstance(method, capability)]
    chosen = name or next(iter(able), None)
    if chosen is None or chosen not in able:
        has = " and ".join(able) or "none of refine, predict and generate"
        raise UsageError(f"method {method.name} does not {chosen or 'make or predict anything'}; it has {has}")
    if chosen == "generate" and not isinstance(method, GeneratesFromLatent):
        raise UsageError(
            f"method {method.name} cannot be exported: its generate draws noise inside; it needs draw_latent and "
            "generate_from (ganzoo.method.GeneratesFromLatent), which keep the noise apart"
        )
    copy = deepcopy(method).eval().cpu().requires_grad_(False).to(memory_format=torch.contiguous_format)
    if chosen == "generate" and not _is_whole(copy):
        raise UsageError(
            f"method {method.name} cannot be exported: its generate makes other images than "
            "generate_from(draw_latent(n))"
        )
    inputs = _inputs(copy, chosen)
    call = _Call(copy, METHODS[chosen]).eval()
    with torch.no_grad():
        first, second = call(inputs(2)), call(inputs(2))
        if not torch.equal(first, second):
            raise UsageError(f"method {method.name} cannot be exported: its {chosen} draws noise inside")
        _drop_unused(copy, call, inputs)
    given, made = inputs(1), call(inputs(1))
    return Function(chosen, call, inputs, _input_card(copy, chosen, given), _output_card(copy, chosen, made))


@torch.no_grad()
def _is_whole(method: Method) -> bool:
    """Whether the latent is all that `generate` draws, and `generate_from` all that it does with it."""
    assert isinstance(method, Generates)
    assert isinstance(method, GeneratesFromLatent)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # the CPU's alone: others stay as they are
        made = method.generate(2)
        torch.default_generator.manual_seed(0)  # the CPU's alone: others stay as they are
        again = method.generate_from(method.draw_latent(2))
    return made.shape == again.shape and torch.allclose(made, again, atol=1e-5)


def _inputs(method: Method, name: Name) -> Callable[[int], Tensor]:
    def images(count: int) -> Tensor:
        noise = torch.Generator().manual_seed(0)
        return to_unit_range(torch.randint(256, (count, *method.spec.image_shape), generator=noise))

    def latents(count: int) -> Tensor:
        assert isinstance(method, GeneratesFromLatent)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # the CPU's alone: others stay as they are
            return method.draw_latent(count).float()

    return latents if name == "generate" else images


def _drop_unused(method: Method, call: nn.Module, inputs: Callable[[int], Tensor]) -> None:
    """Leave out every part without which the function still computes the same: discriminators, histories."""
    expected = call(inputs(2))
    for name, part in list(method.named_children()):
        delattr(method, name)
        try:
            needed = not torch.equal(call(inputs(2)), expected)
        except Exception:  # whatever a method raises where a part is missing
            needed = True
        if needed:
            method.add_module(name, part)


def _input_card(method: Method, name: Name, given: Tensor) -> dict[str, Any]:
    shape = ["batch", *given.shape[1:]]
    if name == "generate":
        assert isinstance(method, GeneratesFromLatent)
        said = (method.draw_latent.__doc__ or "noise").strip().splitlines()[0]
        return {"name": "latent", "shape": shape, "values": f"float32; {said}"}
    kind = "source" if name == "refine" else "target"
    return {"name": "images", "shape": shape, "values": PIXELS, "meaning": f"{kind} images [N, C, H, W]"}


def _output_card(method: Method, name: Name, output: Tensor) -> dict[str, Any]:
    shape = ["batch", *output.shape[1:]]
    if name == "predict":
        task = method.spec.task
        return {"name": "prediction", "shape": shape, "values": "float32", "meaning": f"{type(task).__name__} labels"}
    made = "refined" if name == "refine" else "generated"
    return {"name": made, "shape": shape, "values": "float32 in [-1, 1]; as uint8 pixels (x + 1) * 127.5, rounded"}
