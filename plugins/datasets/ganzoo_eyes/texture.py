"""One tile of noise from which skin, iris, veins and lashes take their irregularities."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from ganzoo_eyes.counter import Draws

SIZE = 256


@cache
def tile(device: torch.device) -> Tensor:
    """Periodic noise of several octaves, zero mean and unit variance: float32 [SIZE, SIZE], the same everywhere."""
    total = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    for octave, weight in ((64, 0.35), (32, 0.4), (16, 0.45), (8, 0.5), (4, 0.5), (2, 0.5), (1, 0.4)):
        cells = SIZE // octave
        lattice = Draws(0, f"tile {octave}", torch.zeros(1, dtype=torch.int64)).noise("lattice", cells, cells)[0]
        total += weight * _stretched(_stretched(lattice.double(), octave).T, octave).T
    total -= total.mean()
    return (total / total.std()).float().to(device)


def _stretched(rows: Tensor, by: int) -> Tensor:
    """Periodic linear interpolation along the first axis."""
    part = (torch.arange(len(rows) * by) % by / by).view(-1, 1)
    return rows.repeat_interleave(by, 0) * (1 - part) + rows.roll(-1, 0).repeat_interleave(by, 0) * part


def sample(x: Tensor, y: Tensor) -> Tensor:
    """The tile at texel coordinates of any size, broadcast over each other; nearest texel."""
    flat = tile(x.device).view(-1)
    return flat[((y.long() & (SIZE - 1)) << 8) + (x.long() & (SIZE - 1))]
