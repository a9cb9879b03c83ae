"""Generate for codes: samples with chosen values of what a generator has learned to vary (InfoGAN)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.method import Method


@runtime_checkable
class GeneratesFromCodes(Protocol):
    """A method that generates samples for given codes, each number of which has a range."""

    code_low: Tensor
    """float32 [K]: the minimum of each number of a code."""
    code_high: Tensor
    """float32 [K]: the maximum."""

    def generate_from_codes(self, codes: Tensor) -> Tensor:
        """Samples [N, ...], images in [-1, 1], for codes [N, K]; all else is noise."""
        ...


class _Toy:
    """Generates samples whose brightness is a code."""

    spec: DataSpec
    scale: Tensor

    code_low, code_high = torch.tensor([-1.0]), torch.tensor([1.0])

    def generate_from_codes(self, codes: Tensor) -> Tensor:
        shape = self.spec.sample.shape
        return codes[:, 0].reshape(-1, *[1] * len(shape)).expand(-1, *shape) * self.scale


class GenerateFromCodes(Capability):
    name = "generate_from_codes"
    summary = "Generates a sample for each code, from noise."
    adjective = "generated"
    protocol = GeneratesFromCodes
    arguments = (Argument("codes", "code", "target", "codes of the method"),)
    makes = "samples"
    toy = _Toy
    realism = 4

    def input(self, method: Method, argument: Argument) -> Column:
        assert isinstance(method, GeneratesFromCodes)
        return Column((len(method.code_low),), "vector")

    def output(self, method: Method) -> Column:
        return method.spec.sample

    def problem(self, method: Method, inputs: Sequence[Tensor]) -> str:
        assert isinstance(method, GeneratesFromCodes)
        low, high, codes = method.code_low.cpu(), method.code_high.cpu(), inputs[0]
        wrong = ((codes < low) | (codes > high) | ~codes.isfinite()).nonzero()
        if not len(wrong):
            return ""
        row, at = wrong[0].tolist()
        return (
            f"the codes are out of range: number {at + 1} of row {row + 1} is {float(codes[row, at]):g}, but it must "
            f"lie between {float(low[at]):g} and {float(high[at]):g}"
        )

    def toy_input(self, method: Method, argument: Argument, column: Tensor | None, count: int) -> Tensor:
        assert isinstance(method, GeneratesFromCodes)
        between = torch.rand(count, len(method.code_low), generator=torch.Generator().manual_seed(0))
        return method.code_low.cpu() + between * (method.code_high - method.code_low).cpu()
