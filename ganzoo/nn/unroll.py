"""Gradients through inner updates of another network (Metz et al. 2017, section 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

Parameters = Mapping[str, Tensor]


def unroll(network: nn.Module, loss: Callable[[Parameters], Tensor], *, steps: int, lr: float) -> Parameters:
    """The parameters of `network` after `steps` of gradient descent on `loss`, differentiable by its inputs.

    The network itself is not changed. `loss` receives parameters by name and computes with them through
    `torch.func.functional_call(network, parameters, inputs)`; for an ascent, negate it. Gradients through the result
    pass all inner steps, second derivatives included, so `loss` must not detach the outputs of the outer network. With
    `steps` 0 the parameters are returned unchanged.

    A network with BatchNorm or spectral normalisation changes its buffers in each inner step; use one without.
    """
    parameters: dict[str, Tensor] = {name: each.detach().requires_grad_() for name, each in network.named_parameters()}
    for _ in range(steps):
        gradients = torch.autograd.grad(loss(parameters), list(parameters.values()), create_graph=True)
        parameters = {
            name: each - lr * gradient for (name, each), gradient in zip(parameters.items(), gradients, strict=True)
        }
    return parameters


def call_with(network: nn.Module, parameters: Parameters, *inputs: Tensor) -> Tensor:
    """The output of `network` for `inputs` with other parameters."""
    output: Tensor = functional_call(network, dict(parameters), inputs)
    return output
