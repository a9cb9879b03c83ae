"""Penalties on a critic's gradient with respect to its input."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ganzoo.nn.full_precision import without_autocast


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """Mean over samples of (|gradient| - 1)^2 at a random point between each real and fake sample.

    Samples are [N, ...]; the result is 0-d (Gulrajani et al. 2017, section 4). It is computed in float32 even
    under autocast, because the gradient of a norm of bfloat16 gradients is mostly rounding error.
    """
    with without_autocast(real.device), torch.enable_grad():
        share = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device)  # one number for each sample
        between = torch.lerp(real.float(), fake.float(), share).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """Mean over real samples [N, ...] of the squared length of the critic's gradient: 0-d, in float32.

    R1 of Mescheder et al. 2018 (equation 9) is this times gamma / 2. Each sample must be judged alone.
    """
    with without_autocast(real.device), torch.enable_grad():
        samples = real.detach().float().requires_grad_()
        (slope,) = torch.autograd.grad(critic(samples).sum(), samples, create_graph=True)
        return slope.flatten(1).square().sum(1).mean()
