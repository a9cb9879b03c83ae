"""The exponential moving average of a network's weights, which stabilises adversarial training (Yazici et al. 2019)."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class ExponentialMovingAverage(nn.Module):
    """`network` with weights that are the exponential moving average of its own over its updates.

    For the first 1 / (1 - decay) updates it is their plain mean, so that the initial weights do not count. Call
    `update` after each optimizer step, as a `Phase.after`. The average's buffers are copies of the network's. Its state
    is parameters and one buffer, and it never waits for the device.

    Source: The Unusual Effectiveness of Averaging in GAN Training, section 3.2 (decay .999 to .9999).
    """

    updates: Tensor  # float32 0-d: number of averaged updates

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise ValueError(f"decay is {decay}; it must be between 0 and 1")
        self.decay = decay
        self.network = deepcopy(network).requires_grad_(False)
        self.register_buffer("updates", torch.zeros(()))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Add the current weights of `network`, which must be built like the first."""
        self.updates.add_(1)
        weight = (1 / self.updates).clamp_min(1 - self.decay)
        for average, now in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(now, weight)
        for mine, its in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(its)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.network(*inputs)
