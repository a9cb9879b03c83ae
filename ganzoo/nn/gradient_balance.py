"""The weight of a second loss, from the lengths of both gradients at a tensor that they share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MOST = 1e4  # a second loss whose gradient vanishes stays finite


class GradientBalance(nn.Module):
    """The factor that makes the gradient of one loss as long as that of another.

    Both lengths are moving averages. The state is two buffers, and it never waits for the device. A distance between
    features changes by orders of magnitude with their scale and number, while the ratio of gradients does not; so one
    weight fits many networks. The idea is that of Chen et al. 2018 (GradNorm, section 3), without its learned part.
    """

    reference: Tensor  # float32 0-d: moving average of the length of the first gradient
    other: Tensor  # float32 0-d: that of the second

    def __init__(self, decay: float = 0.98) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("reference", torch.zeros(()))
        self.register_buffer("other", torch.zeros(()))

    def forward(self, reference: Tensor, other: Tensor, shared: Tensor) -> Tensor:
        """The factor for `other`, a 0-d tensor without gradient, at most 10,000.

        `reference` and `other` are losses, 0-d; `shared` is a tensor on which both depend, such as features [N, D].
        """
        for average, loss in ((self.reference, reference), (self.other, other)):
            (gradient,) = torch.autograd.grad(loss, shared, retain_graph=True)
            average.lerp_(gradient.detach().float().norm(), 1 - self.decay)
        # both averages began at zero, so what they lack cancels
        return (self.reference / self.other.clamp_min(1e-20)).clamp_max(MOST)
