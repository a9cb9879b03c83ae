"""Refine: source images with the look of the target, whose labels still hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument, Capability, moment_distance
from ganzoo.method import Method


@runtime_checkable
class Refines(Protocol):
    """A method that gives images of the source the look of the target."""

    def refine(self, source: Tensor) -> Tensor:
        """Source images [N, C, H, W] in [-1, 1] with the look of the target; their labels still hold."""
        ...


class _Toy:
    """Makes images darker or paler."""

    scale: Tensor

    def refine(self, source: Tensor) -> Tensor:
        return source * self.scale


class Refine(Capability):
    name = "refine"
    summary = "Gives source images the look of the target; their labels still hold."
    adjective = "refined"
    protocol = Refines
    arguments = (Argument("source", "", "source", "source images"),)
    makes = "samples"
    toy = _Toy
    keeps_labels = True
    realism = 1

    def output(self, method: Method) -> Column:
        return self.input(method, self.arguments[0])

    def baseline(self, method: Method, truth: Mapping[str, Tensor]) -> float:
        """The source as it is."""
        return moment_distance(truth["source"], truth["target"])
