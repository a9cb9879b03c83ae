"""Generate for labels: samples that match given labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Argument, Capability, Exportable, moment_distance
from ganzoo.capabilities.generate import exported_latent, seeded
from ganzoo.errors import UsageError
from ganzoo.method import Method


@runtime_checkable
class GeneratesLabelled(Protocol):
    """A method that generates samples for given labels."""

    def generate_labelled(self, labels: Tensor) -> Tensor:
        """Samples [N, ...], images in [-1, 1], for labels [N, task.label_size]."""
        ...


class _Toy:
    """Generates samples whose brightness is the first number of their label."""

    spec: DataSpec
    scale: Tensor

    def generate_labelled(self, labels: Tensor) -> Tensor:
        shape = self.spec.sample.shape
        return labels[:, 0].tanh().reshape(-1, *[1] * len(shape)).expand(-1, *shape) * self.scale


@runtime_checkable
class GeneratesLabelledFromLatent(Protocol):
    """What `ganzoo export` needs of a generator for labels: noise that is separate from the network."""

    def draw_latent(self, count: int) -> Tensor:
        """`count` latents [count, ...]: all the noise that `generate_labelled` takes. The docstring names the
        distribution."""
        ...

    def generate_labelled_from(self, latent: Tensor, labels: Tensor) -> Tensor:
        """The samples [N, ...] of latents [N, ...] for labels [N, task.label_size], without further noise."""
        ...


class GenerateLabelled(Capability):
    name = "generate_labelled"
    summary = "Generates a sample for each label, from noise."
    adjective = "generated"
    protocol = GeneratesLabelled
    arguments = (Argument("labels", "label", "source", "labels of the task"),)
    makes = "samples"
    toy = _Toy
    realism = 3
    keeps_labels = True

    def output(self, method: Method) -> Column:
        return method.spec.sample

    def problem(self, method: Method, inputs: Sequence[Tensor]) -> str:
        return method.spec.task.problem(inputs[0].numpy()) or ""

    def goal(self, method: Method, truth: Mapping[str, Tensor], made: Tensor) -> float:
        """The distance to the domain that the method reads: one of source labels sees no other."""
        reads = method.columns(method.config)
        return moment_distance(made, truth["target" if "target" in reads else "source"])

    def draw_noise(self, method: Method, count: int) -> Tensor | None:
        return method.draw_latent(count) if isinstance(method, GeneratesLabelledFromLatent) else None

    def call_with_noise(self, method: Method, noise: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        assert isinstance(method, GeneratesLabelledFromLatent)
        return method.generate_labelled_from(noise, inputs[0])

    def export(self, method: Method) -> Exportable:
        if not isinstance(method, GeneratesLabelledFromLatent):
            return super().export(method)  # which is refused if noise is drawn inside
        labels = self._exported(method, self.arguments[0])
        given = labels.values(2)
        made = seeded(lambda: method.generate_labelled(given))  # type: ignore[operator]
        again = seeded(lambda: method.generate_labelled_from(method.draw_latent(2), given))
        if made.shape != again.shape or not torch.allclose(made, again, atol=1e-5):
            raise UsageError(
                f"method {method.name} cannot be exported: its generate_labelled returns other samples than "
                "generate_labelled_from(draw_latent(n), labels)"
            )
        return Exportable("generate_labelled_from", (exported_latent(method.draw_latent), labels))
