"""Predict: the dataset's task for target images, such as their gaze."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.method import Method


@runtime_checkable
class Predicts(Protocol):
    """A method that predicts labels."""

    def predict(self, images: Tensor) -> Tensor:
        """The task's prediction for target samples [N, ...], images in [-1, 1]: [N, task.label_size]."""
        ...


class _Toy:
    """Predicts with an untrained network."""

    spec: DataSpec
    network: nn.Module

    def predict(self, images: Tensor) -> Tensor:
        return self.spec.task.decode(self.network(images))


class Predict(Capability):
    name = "predict"
    summary = "Predicts the label of target images."
    adjective = "predicted"
    protocol = Predicts
    arguments = (Argument("images", "", "target", "target images"),)
    makes = "labels"
    toy = _Toy

    def output(self, method: Method) -> Column:
        return Column((method.spec.task.label_size,), "vector")

    def violations(self, method: Method, inputs: Sequence[Tensor], made: Tensor) -> Iterator[str]:
        problem = method.spec.task.problem(made.numpy())
        if problem is not None:
            yield f"gives invalid labels: {problem}"

    def baseline(self, method: Method, truth: Mapping[str, Tensor]) -> float:
        """The mean label for everything."""
        labels = truth["target_label" if method.is_oracle(method.config) else "source_label"]
        return float(method.spec.task.error(labels.mean(0).expand_as(labels), labels).mean())
