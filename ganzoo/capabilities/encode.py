"""Encode: the code of each sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.method import Method


@runtime_checkable
class Encodes(Protocol):
    """A method that encodes samples."""

    code_size: int
    """Size of a code."""

    def encode(self, images: Tensor) -> Tensor:
        """Codes [N, code_size] of target samples [N, ...], images in [-1, 1]."""
        ...


class _Toy:
    """Encodes a sample as its mean and its first number."""

    scale: Tensor
    code_size = 2

    def encode(self, images: Tensor) -> Tensor:
        numbers = images.flatten(1)
        return torch.stack([numbers.mean(1), numbers[:, 0]], 1) * self.scale


class Encode(Capability):
    name = "encode"
    summary = "Computes the code of each target image."
    adjective = "encoded"
    protocol = Encodes
    arguments = (Argument("images", "", "target", "target images"),)
    makes = "codes"
    toy = _Toy

    def output(self, method: Method) -> Column:
        assert isinstance(method, Encodes)
        return Column((method.code_size,), "vector")

    def goal(self, method: Method, truth: Mapping[str, Tensor], made: Tensor) -> float:
        """One over the spread of the codes: an encoder with one code for all samples has learned nothing."""
        return 1.0 / (1e-6 + float(made.std(0).mean()))
