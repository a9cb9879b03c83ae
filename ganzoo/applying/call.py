"""One call of a capability: a batch in, checked rows out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import Column
from ganzoo.capabilities.base import Capability
from ganzoo.errors import DivergenceError, PluginError
from ganzoo.loader import reseed
from ganzoo.method import Method
from ganzoo.pixels import to_uint8

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
    """What the method makes of one batch of inputs on its device.

    Noise that the method keeps apart, and that of samples made of nothing, is a function of the seed and the number of
    the row; other noise is one of the seed and the first row of the batch.

    Raises PluginError if another shape comes out than the capability promises, DivergenceError if the result is not
    finite.
    """
    made = _made(capability, method, inputs, rows, device, seed)
    wanted = [rows.stop - rows.start, *capability.output(method).shape]
    if list(made.shape) != wanted:
        given = f" of {' and '.join(str(list(each.shape)) for each in inputs)}" if inputs else ""
        raise PluginError(f"{capability.name} made {list(made.shape)}{given}, not {wanted}")
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
    if (noise := _noise(capability, method, rows, device, seed)) is not None:
        return capability.call_with_noise(method, noise, inputs)
    if inputs:
        reseed(device, capability.name, *([seed] if seed else []), rows.start)
        return capability.call(method, rows.stop - rows.start, inputs)
    made = []
    for row in range(rows.start, rows.stop):
        reseed(device, capability.name, seed, row)
        made.append(capability.call(method, 1, ()))
    return torch.cat(made)


def _noise(capability: Capability, method: Method, rows: slice, device: torch.device, seed: int) -> Tensor | None:
    """The noise of some rows, drawn in blocks of one size; None if the method does not keep its noise apart."""
    first = rows.start - rows.start % NOISE
    blocks = []
    for start in range(first, max(rows.stop, first + 1), NOISE):
        reseed(device, capability.name, seed, start)
        block = capability.draw_noise(method, NOISE)
        if block is None:
            return None
        blocks.append(block)
    return torch.cat(blocks)[rows.start - first : rows.stop - first]


def as_rows(made: Tensor, column: Column) -> np.ndarray:
    """Rows of a column on the host: images as uint8, masks as bool, all else float32."""
    if column.kind == "image":
        return to_uint8(made).cpu().numpy()
    return (made > 0.5).cpu().numpy() if column.kind == "mask" else made.float().cpu().numpy()
