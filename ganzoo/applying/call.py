"""One call of a capability: a batch in, checked rows out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Capability
from ganzoo.errors import DivergenceError
from ganzoo.method import Method
from ganzoo.pixels import to_uint8
from ganzoo.training.devices import random_state
from ganzoo.training.loader import reseed

NOISE = 256  # rows whose noise is drawn at once, whatever the size of a batch is


@torch.no_grad()
def apply_batch(
    capability: Capability,
    method: Method,
    inputs: Sequence[Tensor],
    rows: slice,
    device: torch.device,
    seed: int = 0,
) -> Tensor:
    """The method's result for one batch of inputs on its device. The noise of a row is a function of only the seed and
    its number.

    Raises PluginError if the output does not have the promised shape, DivergenceError if it is not finite.
    """
    made = _made(capability, method, inputs, rows, device, seed)
    if not torch.isfinite(made).all():
        what = "images" if capability.makes == "samples" else capability.makes
        raise DivergenceError(
            f"{capability.adjective} {what} are not finite from number {rows.start + 1} on; "
            f"{capability.name.replace('_', ' ')} with another checkpoint"
        )
    return made


def _made(
    capability: Capability, method: Method, inputs: Sequence[Tensor], rows: slice, device: torch.device, seed: int
) -> Tensor:
    count = rows.stop - rows.start
    if (noise := _noise(capability, method, rows, device, seed)) is not None:
        return capability.run(method, count, inputs, noise)
    _reseed(capability, device, seed, rows.start)
    before = random_state(device)
    made = capability.run(method, count, inputs)
    if count < 2 or torch.equal(before, random_state(device)):
        return made
    # it draws noise internally: each row gets its own, for any size of the batch
    alone = (slice(row, row + 1) for row in range(count))
    return torch.cat([_one(capability, method, inputs, row, rows.start + row.start, device, seed) for row in alone])


def _one(
    capability: Capability,
    method: Method,
    inputs: Sequence[Tensor],
    row: slice,
    number: int,
    device: torch.device,
    seed: int,
) -> Tensor:
    _reseed(capability, device, seed, number)
    return capability.run(method, 1, [each[row] for each in inputs])


def _noise(capability: Capability, method: Method, rows: slice, device: torch.device, seed: int) -> Tensor | None:
    """The noise of some rows, drawn in blocks of one size; None if the method does not separate its noise."""
    first = rows.start - rows.start % NOISE
    blocks = []
    for start in range(first, max(rows.stop, first + 1), NOISE):
        _reseed(capability, device, seed, start)
        block = capability.draw_noise(method, NOISE)
        if block is None:
            return None
        blocks.append(block)
    return torch.cat(blocks)[rows.start - first : rows.stop - first]


def _reseed(capability: Capability, device: torch.device, seed: int, row: int) -> None:
    """Seed 0 is that of `ganzoo refine`, which has no other; what is generated always has a seed."""
    reseed(device, capability.name, *([seed] if seed or not capability.arguments else []), row)


def as_rows(made: Tensor, column: Column) -> np.ndarray:
    """Rows of a column on the CPU: images as uint8, masks as bool, everything else as float32."""
    if column.kind == "image":
        return to_uint8(made).cpu().numpy()
    return (made > 0.5).cpu().numpy() if column.kind == "mask" else made.float().cpu().numpy()
