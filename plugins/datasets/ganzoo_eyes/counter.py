"""Random numbers that are a pure function of (seed, space, index, name), whatever the batch.

A counter-based generator: the splitmix64 mixing function (Steele, Lea and Flood, OOPSLA 2014) of a key made from all
four. Integer arithmetic is exact on every device, and scalars are worked out in float64 before they are rounded to
float32, so that a sample does not depend on the other samples of a batch.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor


def _signed(value: int) -> int:
    """An integer modulo 2^64, as torch's int64 holds it."""
    value %= 1 << 64
    return value - (1 << 64) if value >= 1 << 63 else value


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """A logical shift to the right; torch's own keeps the sign."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


def mix(bits: Tensor) -> Tensor:
    """Splitmix64's finaliser: int64 in, int64 out, element by element."""
    bits = (bits ^ _shifted(bits, 30)) * _FIRST
    bits = (bits ^ _shifted(bits, 27)) * _SECOND
    return bits ^ _shifted(bits, 31)


@cache
def _named(name: str) -> int:
    return _signed(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little"))


class Draws:
    """Named random draws for each row: the same (seed, space, index, name) always gives the same number."""

    def __init__(self, seed: int, space: str, index: Tensor) -> None:
        """`index` is int64 [N]; `space` keeps splits and people apart."""
        key = mix(torch.full_like(index, _signed(_named(space) + seed * _GOLDEN)))
        self._keys = mix(key + mix(index * _GOLDEN))

    @property
    def device(self) -> torch.device:
        return self._keys.device

    def _unit(self, name: str) -> Tensor:
        """Uniform float64 [N] in (0, 1)."""
        return (_shifted(mix(self._keys + _named(name)), 11).double() + 0.5) * 2.0**-53

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Uniform float32 [N] between `low` and `high`."""
        return (low + (high - low) * self._unit(name)).float()

    def normal(self, name: str, mean: float = 0.0, sd: float = 1.0, cut: float = 2.5) -> Tensor:
        """Normal float32 [N], truncated at `cut` standard deviations by squeezing the tails into the body."""
        tail = 0.5 * (1 + math.erf(-cut / 2**0.5))
        unit = tail + (1 - 2 * tail) * self._unit(name)
        return (mean + sd * 2**0.5 * torch.erfinv(2 * unit - 1)).float()

    def chance(self, name: str, probability: float) -> Tensor:
        """1.0 with `probability`, else 0.0: float32 [N]."""
        return (self._unit(name) < probability).float()

    def hump(self, name: str, low: float, high: float) -> Tensor:
        """Beta(2, 2) over [low, high], float32 [N]: the median of three uniform draws has that law."""
        three = torch.stack([self._unit(f"{name}/{k}") for k in range(3)])
        return (low + (high - low) * three.median(0).values).float()

    def pick(self, name: str, rows: Sequence[Sequence[float]], weights: Sequence[float]) -> Tensor:
        """One of `rows`, with probabilities in proportion to `weights`: float32 [N, columns]."""
        edges = torch.tensor(weights, dtype=torch.float64, device=self.device).cumsum(0)
        choice = torch.searchsorted(edges / edges[-1], self._unit(name))
        return torch.tensor(rows, device=self.device)[choice.clamp(max=len(rows) - 1)]

    def noise(self, name: str, *shape: int) -> Tensor:
        """Nearly normal noise of unit variance, float32 [N, *shape]: the sum of four 16-bit uniforms."""
        counter = torch.arange(math.prod(shape), device=self.device).view(shape) * _GOLDEN
        bits = mix((self._keys + _named(name)).view(-1, *[1] * len(shape)) + counter)
        total = sum((bits >> by) & 0xFFFF for by in (0, 16, 32, 48))
        return (total - 2 * 0xFFFF).float() / (0xFFFF * (4 / 12) ** 0.5)  # type: ignore[union-attr]
