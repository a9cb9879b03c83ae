"""Self-attention between the places of feature maps (Zhang et al. 2019, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Maps [N, C, h, w] to maps of the same shape: each place adds what it attends to in all others.

    As published: queries and keys of C / 8 numbers and values of C / 2 by 1 x 1 convolutions, a softmax of their
    products without a factor (equation 1), and a learned weight `gamma` that is zero at first (equation 3), so that the
    block starts as the identity. As in the authors' program, keys and values are pooled to a quarter of the places.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        inner, values = max(1, maps // 8), max(1, maps // 2)
        self.query = nn.Conv2d(maps, inner, 1, bias=False)
        self.key = nn.Conv2d(maps, inner, 1, bias=False)
        self.value = nn.Conv2d(maps, values, 1, bias=False)
        self.output = nn.Conv2d(values, maps, 1, bias=False)
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.gamma = nn.Parameter(torch.zeros(()))

    def attention(self, maps: Tensor) -> Tensor:
        """The weights [N, places, pooled places] with which each place attends: each row sums to 1."""
        query, key = self.query(maps).flatten(2), self.pool(self.key(maps)).flatten(2)
        return torch.einsum("ncp,ncq->npq", query, key).float().softmax(2)

    def forward(self, maps: Tensor) -> Tensor:
        weights, values = self.attention(maps), self.pool(self.value(maps)).flatten(2)
        seen = torch.einsum("npq,ncq->ncp", weights.to(values.dtype), values).unflatten(2, maps.shape[2:])
        attended: Tensor = maps + self.gamma * self.output(seen)
        return attended
