"""The diversity of a network's outputs: near zero if it has collapsed to one."""

from __future__ import annotations

from torch import Tensor


def diversity(made: Tensor, reference: Tensor) -> Tensor:
    """The spread over the samples of a batch, relative to that of a reference: a 0-d tensor.

    Both are [N, ...] with N of at least 2, and equal in the other dimensions. The spread is the standard deviation of
    each number over the samples, as a mean over numbers.
    """
    return made.std(0, correction=0).mean() / reference.std(0, correction=0).mean().clamp_min(1e-6)


def diversity_term(made: Tensor, reference: Tensor) -> dict[str, Tensor]:
    """A loss term "diversity" that is only logged, for `Method.diagnose`; no term for a batch of one sample."""
    return {"diversity": diversity(made.detach().float(), reference)} if len(made) > 1 else {}
