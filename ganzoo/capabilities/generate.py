"""Generate: samples from noise."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Capability, Exportable, Exported
from ganzoo.errors import UsageError
from ganzoo.method import Method


@runtime_checkable
class Generates(Protocol):
    def generate(self, count: int) -> Tensor:
        """`count` samples of the domain that was learned [count, ...], images in [-1, 1], from noise."""
        ...


@runtime_checkable
class GeneratesFromLatent(Protocol):
    """What a generator needs so that `ganzoo export` can take it along: noise apart from the network."""

    def draw_latent(self, count: int) -> Tensor:
        """`count` latents [count, ...]: all the noise that `generate` takes. The docstring names the distribution."""
        ...

    def generate_from(self, latent: Tensor) -> Tensor:
        """The samples [N, ...] of latents [N, ...], without noise of its own."""
        ...


class GenerateToy:
    """Makes noise."""

    spec: DataSpec
    scale: Tensor

    def generate(self, count: int) -> Tensor:
        return torch.rand(count, *self.spec.sample.shape, device=self.scale.device) * 2 * self.scale - self.scale


class Generate(Capability):
    name = "generate"
    summary = "Generates samples from noise."
    protocol = Generates
    arguments = ()
    makes = "samples"
    toy = GenerateToy
    realism = 2

    def output(self, method: Method) -> Column:
        return method.spec.sample

    def export(self, method: Method) -> Exportable:
        if not isinstance(method, GeneratesFromLatent):
            raise UsageError(
                f"method {method.name} cannot be exported: its generate draws noise inside; it needs draw_latent and "
                "generate_from (ganzoo.capabilities.GeneratesFromLatent), which keep the noise apart"
            )
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(0)  # the CPU's alone: others stay as they are
            made: Tensor = method.generate(2)  # type: ignore[operator]
            torch.default_generator.manual_seed(0)
            latent = method.draw_latent(2)
            again = method.generate_from(latent)
        if made.shape != again.shape or not torch.allclose(made, again, atol=1e-5):
            raise UsageError(
                f"method {method.name} cannot be exported: its generate makes other samples than "
                "generate_from(draw_latent(n))"
            )
        said = (method.draw_latent.__doc__ or "noise").strip().splitlines()[0]
        return Exportable("generate_from", (Exported("latent", Column(tuple(latent.shape[1:]), "vector"), said),))
