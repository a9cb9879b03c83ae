"""Whether a batch in two halves gives the same update as the whole batch, as `--micro-batch` requires."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ganzoo.method import Method
from ganzoo.testing import toy
from ganzoo.testing.aligned_noise import HALF, WHOLE, AlignedNoise
from ganzoo.testing.checks import check, require, skip


@check(
    Method,
    why="Micro-batches save memory and must not change the result; the loop refuses them if they would.",
    fix="Return means over the batch and update no buffer in a loss, or write couples_batch = True in the class "
    "(BatchNorm, spectral norm, MMD, a history, a variance, a running mean).",
)
def halves_add_up(cls: type[Method]) -> None:
    """Gradients, buffers and handed-on tensors are the same for two halves and a whole batch, whatever is drawn."""
    if cls.couples_batch:
        skip("it declares couples_batch, so --micro-batch is refused")
    untested, multiple = [], cls.batch_multiple(cls.Config())
    for situation in toy.situations(toy.build(cls)):
        name, whole, halves = situation.phase, _Update(WHOLE * multiple), _Update(WHOLE * multiple)
        whole.run(cls, situation, WHOLE * multiple)
        halves.run(cls, situation, HALF * multiple)
        different = _different(whole, halves)
        if not different:
            continue
        reason = _not_comparable(whole, halves)
        require(reason, f"phase {name!r} {different}")
        untested.append(f"phase {name!r} {reason}")
    if untested:
        skip("; ".join(untested))


@dataclass
class _Update:
    """The results of the losses on one batch, in parts."""

    samples: int
    gradients: dict[str, list[Tensor | None]] = field(default_factory=dict)  # term -> one for each parameter
    buffers: dict[str, Tensor] = field(default_factory=dict)
    handed_on: dict[str, Tensor] = field(default_factory=dict)
    draws: list[int] = field(default_factory=list)  # random operators of each part
    unknown: set[str] = field(default_factory=set)

    def run(self, cls: type[Method], situation: toy.Situation, size: int) -> None:
        method, phase = toy.build(cls), situation.phase
        batch = toy.given(method, situation, toy.uneven(toy.batch(method, self.samples)))
        networks = nn.ModuleList(method.phases()[phase].networks).requires_grad_(True)
        for part, micro in enumerate(batch.split(size)):
            with AlignedNoise(part * size, size, self.samples) as noise:
                terms = method.phases()[phase].loss(micro)
                for term, value in terms.items():
                    if value.requires_grad:
                        self._add(term, value * (size / self.samples), list(networks.parameters()))
            for name, tensor in micro.handed_on.items():
                self.handed_on[name] = torch.cat([self.handed_on[name], tensor]) if part else tensor
            self.draws.append(noise.draws)
            self.unknown |= noise.unknown
        self.buffers = {key: buffer.detach().clone() for key, buffer in method.named_buffers()}

    def _add(self, term: str, value: Tensor, parameters: list[nn.Parameter]) -> None:
        found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        before = self.gradients.get(term, [None] * len(found))
        self.gradients[term] = [
            one if other is None else other if one is None else one + other
            for one, other in zip(found, before, strict=True)
        ]


def _different(whole: _Update, halves: _Update) -> str:
    """The first difference between the two, in words; empty if they agree."""
    for term in whole.gradients.keys() | halves.gradients.keys():
        pairs = list(zip(whole.gradients.get(term, ()), halves.gradients.get(term, ()), strict=False))
        scale = max((float(one.abs().max()) for one, _ in pairs if one is not None), default=0.0)
        if not pairs or not all(_close(one, other, scale) for one, other in pairs):
            return f"has different gradients of its term {term!r} in two halves than in one batch"
    for name, one in whole.handed_on.items():
        if not _close(one, halves.handed_on.get(name), float(one.abs().max())):
            return f"hands on a different {name} in two halves than in one batch"
    changed = [key for key, one in whole.buffers.items() if not _close(one, halves.buffers[key], 1.0)]
    return f"has different values in {', '.join(changed)} after two halves than after one batch" if changed else ""


def _close(one: Tensor | None, other: Tensor | None, scale: float) -> bool:
    """Equal up to rounding, which is relative to the largest gradient of the term."""
    if one is None or other is None:
        return one is other
    if one.shape != other.shape or not one.is_floating_point():
        return torch.equal(one, other)
    return torch.allclose(one, other, rtol=1e-3, atol=1e-5 * scale + 1e-12)


def _not_comparable(whole: _Update, halves: _Update) -> str:
    """Why a difference may come from the noise; empty if the noise was the same."""
    if unknown := sorted(whole.unknown | halves.unknown):
        return f"draws with {', '.join(unknown)}, which the kit cannot repeat image by image"
    if {*halves.draws} != {*whole.draws}:
        return f"draws {whole.draws[0]} times for a batch and {max(halves.draws)} times for half of it"
    return ""
