"""Generate for labels: samples that show what their labels say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.method import Method


@runtime_checkable
class GeneratesLabelled(Protocol):
    def generate_labelled(self, labels: Tensor) -> Tensor:
        """Samples [N, ...], images in [-1, 1], for labels [N, task.label_size]."""
        ...


class GenerateLabelledToy:
    """Makes samples whose brightness is the first number of their label."""

    spec: DataSpec
    scale: Tensor

    def generate_labelled(self, labels: Tensor) -> Tensor:
        shape = self.spec.sample.shape
        return labels[:, 0].tanh().reshape(-1, *[1] * len(shape)).expand(-1, *shape) * self.scale


class GenerateLabelled(Capability):
    name = "generate_labelled"
    summary = "Generates a sample for each label, from noise."
    protocol = GeneratesLabelled
    arguments = (Argument("labels", "label", "source", "labels of the task"),)
    makes = "samples"
    toy = GenerateLabelledToy
    realism = 3
    keeps_labels = True

    def output(self, method: Method) -> Column:
        return method.spec.sample

    def problem(self, method: Method, inputs: Sequence[Tensor]) -> str:
        return method.spec.task.problem(inputs[0].numpy()) or ""
