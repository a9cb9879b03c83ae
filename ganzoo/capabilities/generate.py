"""Generate: samples from noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Capability, Exportable, Exported
from ganzoo.errors import UsageError
from ganzoo.method import Method


@runtime_checkable
class Generates(Protocol):
    """A method that generates samples from noise alone."""

    def generate(self, count: int) -> Tensor:
        """`count` samples of the learned domain [count, ...], images in [-1, 1], from noise."""
        ...


@runtime_checkable
class GeneratesFromLatent(Protocol):
    """What `ganzoo export` needs of a generator: noise that is separate from the network."""

    def draw_latent(self, count: int) -> Tensor:
        """`count` latents [count, ...]: all the noise that `generate` takes. The docstring names the distribution."""
        ...

    def generate_from(self, latent: Tensor) -> Tensor:
        """The samples [N, ...] of latents [N, ...], without further noise."""
        ...


class _Toy:
    """Generates noise."""

    spec: DataSpec
    scale: Tensor

    def generate(self, count: int) -> Tensor:
        return torch.rand(count, *self.spec.sample.shape, device=self.scale.device) * 2 * self.scale - self.scale


class Generate(Capability):
    name = "generate"
    summary = "Generates samples from noise."
    adjective = "generated"
    protocol = Generates
    arguments = ()
    makes = "samples"
    toy = _Toy
    realism = 2

    def output(self, method: Method) -> Column:
        return method.spec.sample

    def draw_noise(self, method: Method, count: int) -> Tensor | None:
        return method.draw_latent(count) if isinstance(method, GeneratesFromLatent) else None

    def call_with_noise(self, method: Method, noise: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        assert isinstance(method, GeneratesFromLatent)
        return method.generate_from(noise)

    def export(self, method: Method) -> Exportable:
        if not isinstance(method, GeneratesFromLatent):
            raise UsageError(
                f"method {method.name} cannot be exported: its generate draws noise inside; it needs draw_latent and "
                "generate_from (ganzoo.capabilities.GeneratesFromLatent), which keep the noise separate"
            )
        made = seeded(lambda: method.generate(2))  # type: ignore[operator]
        again = seeded(lambda: method.generate_from(method.draw_latent(2)))
        if made.shape != again.shape or not torch.allclose(made, again, atol=1e-5):
            raise UsageError(
                f"method {method.name} cannot be exported: its generate returns other samples than "
                "generate_from(draw_latent(n))"
            )
        return Exportable("generate_from", (exported_latent(method.draw_latent),))


def exported_latent(draw_latent: Callable[[int], Tensor]) -> Exported:
    """The noise of a generator as an input of an exported function."""
    shape = tuple(seeded(lambda: draw_latent(1)).shape[1:])
    said = (draw_latent.__doc__ or "noise").strip().splitlines()[0]
    return Exported("latent", Column(shape, "vector"), said, lambda count: seeded(lambda: draw_latent(count)))


@torch.no_grad()
def seeded(make: Callable[[], Tensor]) -> Tensor:
    """The result of a function with the same noise on every call. Random states stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # the CPU's alone: others stay as they are
        return make()
