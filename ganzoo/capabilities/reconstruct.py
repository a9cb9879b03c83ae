"""Reconstruct: each sample, reconstructed from its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.method import Method


@runtime_checkable
class Reconstructs(Protocol):
    """A method that reconstructs samples from their codes."""

    def reconstruct(self, images: Tensor) -> Tensor:
        """Target samples [N, ...], images in [-1, 1], reconstructed from their codes."""
        ...


class _Toy:
    """Makes samples paler."""

    scale: Tensor

    def reconstruct(self, images: Tensor) -> Tensor:
        return images * self.scale


class Reconstruct(Capability):
    name = "reconstruct"
    summary = "Reconstructs each target image from its code."
    adjective = "reconstructed"
    protocol = Reconstructs
    arguments = (Argument("images", "", "target", "target images"),)
    makes = "samples"
    toy = _Toy
    keeps_labels = True

    def output(self, method: Method) -> Column:
        return self.input(method, self.arguments[0])

    def goal(self, method: Method, truth: Mapping[str, Tensor], made: Tensor) -> float:
        """The mean squared difference from the originals."""
        return float((made - truth["target"]).square().mean())
