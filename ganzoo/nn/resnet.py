"""Residual blocks (He et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip connection; shape [N, channels, H, W] in and out.

    `norm` creates a normalisation for a number of channels; None: no normalisation.
    """

    def __init__(
        self,
        channels: int,
        norm: Callable[[int], nn.Module] | None = None,
        padding_mode: Literal["zeros", "reflect"] = "zeros",
    ) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            conv = nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding_mode, bias=norm is None)
            return [conv, norm(channels)] if norm else [conv]

        self.body = nn.Sequential(*convolution(), nn.ReLU(), *convolution())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)
