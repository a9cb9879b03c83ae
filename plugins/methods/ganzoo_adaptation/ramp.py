"""The schedule of a weight that should not act before there is something to adapt."""

from __future__ import annotations

import torch
from torch import Tensor


def ramp(progress: Tensor) -> Tensor:
    """From 0 to 1 over the run (Ganin et al. 2016, section 5.2.2, gamma = 10)."""
    return 2 / (1 + torch.exp(-10 * progress)) - 1
