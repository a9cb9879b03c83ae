"""Augment: for each sample another one of the same class or person, for which its label still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument, Capability, moment_distance
from ganzoo.method import Method


@runtime_checkable
class Augments(Protocol):
    """A method that generates other samples of the class or person of given ones, from noise."""

    def draw_latent(self, count: int) -> Tensor:
        """`count` latents [count, ...]: all the noise that `augment` takes. The docstring names the distribution."""
        ...

    def augment(self, images: Tensor) -> Tensor:
        """For source samples [N, ...], images in [-1, 1], others of the same class or person."""
        ...

    def augment_from(self, latent: Tensor, images: Tensor) -> Tensor:
        """The same for given latents [N, ...], without further noise."""
        ...


class _Toy:
    """Makes samples brighter or darker at random."""

    scale: Tensor

    def draw_latent(self, count: int) -> Tensor:
        return torch.rand(count, 1, device=self.scale.device)

    def augment(self, images: Tensor) -> Tensor:
        return self.augment_from(self.draw_latent(len(images)), images)

    def augment_from(self, latent: Tensor, images: Tensor) -> Tensor:
        return images * self.scale * latent.reshape(-1, *[1] * (images.dim() - 1))


class Augment(Capability):
    name = "augment"
    summary = "Generates another sample of the same class or person for each source image, from noise."
    adjective = "augmented"
    protocol = Augments
    arguments = (Argument("images", "", "source", "source images"),)
    makes = "samples"
    toy = _Toy
    keeps_labels = True

    def output(self, method: Method) -> Column:
        return self.input(method, self.arguments[0])

    def draw_noise(self, method: Method, count: int) -> Tensor | None:
        assert isinstance(method, Augments)
        return method.draw_latent(count)

    def call_with_noise(self, method: Method, noise: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        assert isinstance(method, Augments)
        return method.augment_from(noise, inputs[0])

    def goal(self, method: Method, truth: Mapping[str, Tensor], made: Tensor) -> float:
        """The distance to the domain that the method learns."""
        reads = method.columns(method.config)
        return moment_distance(made, truth["target" if "target" in reads else "source"])
