"""Optimizers and learning-rate decays that methods share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch.optim import Adam, Optimizer


def constant(progress: float) -> float:
    """A constant learning rate."""
    return 1.0


def linear_decay(progress: float) -> float:
    """Constant over the first half of the stage, then linearly to zero."""
    return min(1.0, 2.0 - 2.0 * progress)


def annealed(progress: float) -> float:
    """The learning-rate factor of Ganin et al. 2016, section 5.2.2, with alpha 10 and beta 0.75."""
    return (1 + 10 * progress) ** -0.75


DECAYS: Mapping[str, Callable[[float], float]] = {"linear": linear_decay, "annealed": annealed, "constant": constant}
"""By their names in settings: factors of the learning rate, functions of the progress in [0, 1)."""


def adam(lr: float, beta1: float = 0.5, beta2: float = 0.999) -> Callable[..., Optimizer]:
    """Creates Adam. The defaults are those of Radford et al. 2016 (section 4), which most adversarial methods use."""
    return partial(Adam, lr=lr, betas=(beta1, beta2))
