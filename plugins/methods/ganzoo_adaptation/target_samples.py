"""The target's samples in chunks, for a closed form after training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ganzoo.dataset import Domain
from ganzoo.pixels import as_input

ENOUGH = 10_000  # samples, evenly spaced, over which a mean is taken
CHUNK = 256  # of them at once


def chunks(domain: Domain, device: torch.device) -> Iterator[Tensor]:
    """At most 10,000 samples as a network takes them, [about 256, ...]: images in [-1, 1], vectors unchanged.

    The chunks are of equal size, so that each has the same weight in a mean of means.
    """
    samples = domain.spread(ENOUGH).samples
    for chunk in np.array_split(samples, -(-len(samples) // CHUNK)):
        yield as_input(torch.tensor(chunk).to(device))
