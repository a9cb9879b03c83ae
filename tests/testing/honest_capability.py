"""A capability that keeps the whole contract."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities import Argument, Capability


@runtime_checkable
class Shades(Protocol):
    strength: float

    def shade(self, images: Tensor, by: Tensor) -> Tensor: ...


class Toy:
    strength = 1.0
    scale: Tensor

    def shade(self, images, by):
        return images * self.scale * by[:, 0].sigmoid().reshape(-1, *[1] * (images.dim() - 1))


class Honest(Capability):
    name = "shade"
    summary = "Makes each target image darker by a number."
    protocol = Shades
    arguments = (Argument("images", "", "target", "target images"), Argument("by", "amount", "target", "amounts"))
    makes = "samples"
    toy = Toy

    def input(self, method, argument):
        return Column((1,), "vector") if argument.column else method.spec.sample

    def output(self, method):
        return method.spec.sample

    def toy_input(self, method, argument, column, count):
        return (
            torch.linspace(-1, 1, count)[:, None]
            if argument.column
            else super().toy_input(method, argument, column, count)
        )
