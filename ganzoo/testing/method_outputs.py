"""What comes out of a trained method."""

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
    why="Metrics, sample sheets and exports take what a capability promises: images in [-1, 1] of the dataset's size, "
    "labels of its task.",
    fix="Size networks from `spec`, end those that make images in tanh or clamp(-1, 1), and crop after upsampling.",
)
def outputs_keep_shape_and_range(cls: type[Method]) -> None:
    """What each capability gives has the form that it promises, in grey and colour and at odd sizes."""
    for spec in toy.specs_for(cls):
        method = toy.trained(cls, spec)
        data = f"{spec.sample} and {type(spec.task).__name__}"
        for name, capability, inputs, output in _outputs(method):
            for problem in problems(capability, method, inputs, output, COUNT):
                require(False, f"{name} {problem}, for {data}")


@check(
    Method,
    why="Commands refine and predict in batches of their own choice; the size of these must not show in the result.",
    fix="Use no batch statistics in eval mode, and nothing that compares the images of a batch.",
)
def images_are_judged_one_by_one(cls: type[Method]) -> None:
    """In eval mode what is made of a sample is the same alone and among others, whatever noise is drawn."""
    method = toy.trained(cls)
    judges = {name: capability for name, capability in able(method).items() if capability.arguments}
    if not judges:
        skip("nothing that it can do takes samples")
    for name, capability in judges.items():
        inputs = inputs_for(capability, method, WHOLE)
        together, noise = _in_parts(capability, method, inputs, WHOLE)
        few, again = _in_parts(capability, method, inputs, HALF if noise.draws else 1)  # noise is aligned along a batch
        if torch.allclose(together, few, rtol=1e-3, atol=1e-4):
            continue
        if unknown := sorted(noise.unknown | again.unknown):
            skip(f"{name} draws with {', '.join(unknown)}, which the kit cannot repeat sample by sample")
        violate(f"{name} answers otherwise for a sample alone than for the same sample among others")


@check(
    Method,
    why="Samples are made during training and scores after it; neither may change what is trained or measured.",
    fix="Update buffers in losses only.",
)
def outputs_change_nothing(cls: type[Method]) -> None:
    """What a method can do leaves parameters and buffers as they are."""
    method = toy.trained(cls)
    before = toy.state(method)
    for name, *_ in _outputs(method):
        changed = toy.differences(before, toy.state(method))
        require(not changed, f"{name} changes {', '.join(changed)}")


@check(
    Method,
    why="Commands load a finished run into a new object, which has nothing but the saved state.",
    fix="Register what is learned as parameters and buffers, with their final shapes already in the constructor.",
)
def saved_state_is_enough(cls: type[Method]) -> None:
    """A new object that is given the state dict answers as the trained one does."""
    method, copy = toy.trained(cls), toy.build(cls, seed=1).eval()
    copy.load_state_dict(method.state_dict())
    for (name, _, _, one), (*_, other) in zip(_outputs(method), _outputs(copy), strict=True):
        require(torch.equal(one, other), f"{name} answers otherwise after its state was loaded into a new object")


def able(method: Method) -> dict[str, Capability]:
    """What the method can do, by name, among all capabilities that are installed."""
    return all_of(registry().found["capabilities"], method)


def inputs_for(
    capability: Capability, method: Method, count: int, truth: dict[str, Tensor] | None = None, side: str = ""
) -> list[Tensor]:
    """The inputs of a capability: of `truth`, columns by name, or of the toy data. What they lack is made up.

    They are of the domain that the capability is for, or of `side`.
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
    """What is wrong with the form of what a capability gave, each in words."""
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
    """What a capability gives, always with the same noise."""
    torch.manual_seed(0)
    with torch.no_grad():
        return capability.call(method, count, inputs)


def _outputs(method: Method) -> Iterator[tuple[str, Capability, list[Tensor], Tensor]]:
    """What the method gives for each thing that it can do, always with the same noise."""
    for name, capability in able(method).items():
        inputs = inputs_for(capability, method, COUNT)
        yield name, capability, inputs, quietly(capability, method, inputs, COUNT)


def _in_parts(
    capability: Capability, method: Method, inputs: Sequence[Tensor], size: int
) -> tuple[Tensor, AlignedNoise]:
    """What a capability gives for `size` rows of WHOLE at a time, and what the last call drew."""
    answers = []
    for start in range(0, WHOLE, size):
        with AlignedNoise(start, size, WHOLE) as noise:
            answers.append(quietly(capability, method, [given[start : start + size] for given in inputs], size))
    return torch.cat(answers), noise
