"""A running average of a network's weights, which quiets what an adversary keeps moving (Yazici et al. 2019)."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class ExponentialMovingAverage(nn.Module):
    """`network` with weights that are the exponential moving average of its own over its updates.

    Until 1 / (1 - decay) updates have passed it is their plain mean, so that the first weights, which nobody trained,
    count for nothing. Call `update` after each optimizer step, as a `Phase.after`. The average's buffers are copies of
    the network's. It lives in parameters and one buffer and never waits for the device.

    Source: The Unusual Effectiveness of Averaging in GAN Training, section 3.2 (decay .999 to .9999).
    """

    updates: Tensor  # float32 0-d: how many updates are averaged

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        if not 0 < decay < 1:
            raise ValueError(f"decay is {decay}; a moving average needs one between 0 and 1")
        self.decay = decay
        self.network = deepcopy(network).requires_grad_(False)
        self.register_buffer("updates", torch.zeros(()))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights that `network`, built like the first, has now."""
        self.updates.add_(1)
        weight = (1 / self.updates).clamp_min(1 - self.decay)
        for average, now in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(now, weight)
        for mine, its in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(its)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.network(*inputs)
