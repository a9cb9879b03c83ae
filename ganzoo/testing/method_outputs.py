"""The outputs of a trained method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ganzoo.capabilities.base import Capability, all_of
from ganzoo.discovery.registry import registry
from ganzoo.method import Method
from ganzoo.testing import toy, toy_data
from ganzoo.testing.aligned_noise import HALF, WHOLE, AlignedNoise
from ganzoo.testing.checks import check, require, skip, violate

COUNT = 5


@check(
    Method,
    why="Metrics, sample sheets and exports rely on the output's form: images in [-1, 1] of the dataset's size, "
    "labels of its task.",
    fix="Size networks from `spec`, end image generators in tanh or clamp(-1, 1), and crop after upsampling.",
)
def outputs_keep_shape_and_range(cls: type[Method]) -> None:
    """The output of each capability has the promised form, in grey and colour and at odd sizes."""
    for spec in toy.specs_for(cls):
        method = toy.trained(cls, spec)
        data = f"{spec.sample} and {type(spec.task).__name__}"
        for name, capability, inputs, output in _outputs(method):
            for problem in problems(capability, method, inputs, output, COUNT):
                require(False, f"{name} {problem}, for {data}")


@check(
    Method,
    why="Commands refine and predict in batches of any size, which must not affect the result.",
    fix="Use no batch statistics in eval mode, and do not compare the images of a batch.",
)
def images_are_judged_one_by_one(cls: type[Method]) -> None:
    """In eval mode the output for a sample is the same alone and in a batch, whatever noise is drawn."""
    method = toy.trained(cls)
    judges = {name: capability for name, capability in able(method).items() if capability.arguments}
    if not judges:
        skip("none of its capabilities takes samples")
    for name, capability in judges.items():
        inputs = inputs_for(capability, method, WHOLE)
        together, noise = _in_parts(capability, method, inputs, WHOLE)
        few, again = _in_parts(capability, method, inputs, HALF if noise.draws else 1)  # noise is aligned along a batch
        if torch.allclose(together, few, rtol=1e-3, atol=1e-4):
            continue
        if unknown := sorted(noise.unknown | again.unknown):
            skip(f"{name} draws with {', '.join(unknown)}, which the kit cannot repeat sample by sample")
        violate(f"{name} returns another output for a sample alone than for the same sample in a batch")


@check(
    Method,
    why="Samples are drawn during training and scores computed after it; neither may change the method.",
    fix="Update buffers in losses only.",
)
def outputs_change_nothing(cls: type[Method]) -> None:
    """Capabilities leave parameters and buffers unchanged."""
    method = toy.trained(cls)
    before = toy.state(method)
    for name, *_ in _outputs(method):
        changed = toy.differences(before, toy.state(method))
        require(not changed, f"{name} changes {', '.join(changed)}")


@check(
    Method,
    why="Commands load a finished run into a new object, which has only the saved state.",
    fix="Register all learned values as parameters and buffers, with their final shapes, in the constructor.",
)
def saved_state_is_enough(cls: type[Method]) -> None:
    """A new object with the loaded state dict gives the same outputs as the trained one."""
    method, copy = toy.trained(cls), toy.build(cls, seed=1).eval()
    copy.load_state_dict(method.state_dict())
    for (name, _, _, one), (*_, other) in zip(_outputs(method), _outputs(copy), strict=True):
        require(torch.equal(one, other), f"{name} gives other outputs after its state was loaded into a new object")


def able(method: Method) -> dict[str, Capability]:
    """The method's capabilities, by name, among all that are installed."""
    return all_of(registry().found["capabilities"], method)


def inputs_for(
    capability: Capability, method: Method, count: int, truth: dict[str, Tensor] | None = None, side: str = ""
) -> list[Tensor]:
    """The inputs of a capability from `truth`, columns by name, or from the toy data. Missing ones are made up.

    They are from the domain that the capability is for, or from `side`.
    """
    columns = toy_data.columns_of(*toy.domains(method.spec, count=max(count, 8))) if truth is None else truth
    inputs = []
    for argument in capability.arguments:
        sides = sorted(("source", "target"), key=lambda each: each != (side or argument.side))
        names = [f"{side}_{argument.column}" if argument.column else side for side in sides]
        found = next((columns[name][:count] for name in names if name in columns), None)
        inputs.append(capability.toy_input(method, argument, found, count))
    return inputs


def problems(
    capability: Capability, method: Method, inputs: Sequence[Tensor], output: Tensor, count: int
) -> Iterator[str]:
    """What is wrong with the form of a capability's output, each in words."""
    column = capability.output(method)
    wanted = (count, *column.shape)
    if tuple(output.shape) != wanted:
        yield f"gives {tuple(output.shape)}, not {wanted}"
        return
    if output.dtype != torch.float32:
        yield f"gives {output.dtype}, not float32"
    if not torch.isfinite(output).all():
        yield "gives numbers that are not finite"
    low = {"image": -1.0, "mask": 0.0}.get(column.kind)
    if low is not None and not low <= float(output.min()) <= float(output.max()) <= 1:
        yield f"leaves [{low:g}, 1]: it reaches {float(output.min()):.3g} and {float(output.max()):.3g}"
    yield from capability.violations(method, inputs, output)


def quietly(capability: Capability, method: Method, inputs: Sequence[Tensor], count: int) -> Tensor:
    """The output of a capability, always with the same noise."""
    torch.manual_seed(0)
    with torch.no_grad():
        return capability.call(method, count, inputs)


def _outputs(method: Method) -> Iterator[tuple[str, Capability, list[Tensor], Tensor]]:
    """The output of each capability of the method, always with the same noise."""
    for name, capability in able(method).items():
        inputs = inputs_for(capability, method, COUNT)
        yield name, capability, inputs, quietly(capability, method, inputs, COUNT)


def _in_parts(
    capability: Capability, method: Method, inputs: Sequence[Tensor], size: int
) -> tuple[Tensor, AlignedNoise]:
    """The output of a capability for `size` rows of WHOLE at a time, and the draws of the last call."""
    answers = []
    for start in range(0, WHOLE, size):
        with AlignedNoise(start, size, WHOLE) as noise:
            answers.append(quietly(capability, method, [given[start : start + size] for given in inputs], size))
    return torch.cat(answers), noise
