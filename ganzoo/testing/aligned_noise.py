"""Noise that belongs to an image: it stays the same when the image comes in a smaller batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

WHOLE, HALF = 22, 11  # images to compare with; networks rarely have an axis of 11 that is not the batch
Draw = Callable[[Tensor, Mapping[str, Any]], Tensor]


class AlignedNoise(TorchDispatchMode):
    """Replaces the random numbers of a computation for images `start` to `start + size` of a batch of `whole` images.

    Each draw is a function of its number and of the index of the image in the whole batch. So a computation that
    treats images one by one gives the same for a part as for the whole, and any difference is a coupling.
    A permutation, or an index into the batch, becomes the identity, which pairs an image with itself.
    """

    def __init__(self, start: int, size: int, whole: int) -> None:
        super().__init__()
        self.start, self.size, self.whole = start, size, whole
        self.draws = 0
        self.unknown: set[str] = set()  # random operators that could not be replaced

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return result
        self.draws += 1
        name = func.overloadpacket.__name__
        if name not in DRAWS or not isinstance(result, Tensor):
            self.unknown.add(name)
            return result
        arguments = {
            each.name: args[place] if place < len(args) else kwargs.get(each.name, each.default_value)
            for place, each in enumerate(func._schema.arguments)
        }
        indexes = name.startswith("rand") and self.size in (arguments.get("high"), arguments.get("n"))
        drawn = self._places(result.shape) if indexes else DRAWS[name](self._uniform(result.shape), arguments)
        return result.copy_(drawn)

    def _uniform(self, shape: torch.Size) -> Tensor:
        """Numbers from 0 to 1: those of the images' indices along the first axis that has the size of the batch.

        An axis may hold the batch several times, one after the other, such as a concatenated source and target.
        """
        generator = torch.Generator().manual_seed(self.draws)
        axis = next((axis for axis, length in enumerate(shape) if length and length % self.size == 0), None)
        if axis is None:
            return torch.rand(shape, generator=generator, dtype=torch.float64)
        times = shape[axis] // self.size
        whole = (*shape[:axis], times, self.whole, *shape[axis + 1 :])
        drawn = torch.rand(whole, generator=generator, dtype=torch.float64)
        return drawn.narrow(axis + 1, self.start, self.size).reshape(shape)

    def _places(self, shape: torch.Size) -> Tensor:
        """The index of each image in this batch."""
        return (torch.arange(shape.numel()) % self.size).reshape(shape)


def _normal(uniform: Tensor) -> Tensor:
    return torch.special.ndtri(uniform.clamp(1e-12, 1 - 1e-12))


def _whole_number(uniform: Tensor, given: Mapping[str, Any]) -> Tensor:
    low = given.get("low", given.get("from")) or 0
    high = given.get("high", given.get("to")) or 2**24
    return (low + (high - low) * uniform).floor()


DRAWS: dict[str, Draw] = {
    "rand": lambda uniform, given: uniform,
    "rand_like": lambda uniform, given: uniform,
    "randn": lambda uniform, given: _normal(uniform),
    "randn_like": lambda uniform, given: _normal(uniform),
    "normal": lambda uniform, given: given["mean"] + given["std"] * _normal(uniform),
    "normal_": lambda uniform, given: given["mean"] + given["std"] * _normal(uniform),
    "uniform_": lambda uniform, given: given["from"] + (given["to"] - given["from"]) * uniform,
    "bernoulli": lambda uniform, given: uniform < given.get("p", given["self"]),
    "bernoulli_": lambda uniform, given: uniform < given["p"],
    "exponential_": lambda uniform, given: -torch.log1p(-uniform) / given["lambd"],
    "randint": _whole_number,
    "randint_like": _whole_number,
    "random_": _whole_number,
    "randperm": lambda uniform, given: uniform.argsort(),
}
