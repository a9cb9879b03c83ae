"""Gradient reversal (Ganin et al. 2016, section 4.1)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: Tensor) -> Tensor:
        ctx.save_for_backward(strength)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (strength,) = ctx.saved_tensors
        return -strength.to(grad.dtype) * grad, None


def reverse_gradient(x: Tensor, strength: Tensor) -> Tensor:
    """The identity; in the backward pass the gradient is multiplied by minus `strength`, a 0-d tensor."""
    return _Reverse.apply(x, strength)
