"""Label shift: a source whose labels are distributed as those that are predicted for the target."""

from __future__ import annotations

from math import log
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo.batch import Batch, DataSpec
from ganzoo.nn import predictor
from ganzoo.nn.predictor import PredictorConfig
from ganzoo.task import GazeTask, RegressionTask
from ganzoo_adaptation.ramp import ramp

REMEMBERED = 0.98  # of the moving averages
MOST = 5.0  # a row of the source counts at most five times, and at least a fifth


class LabelMatchingConfig(PredictorConfig):
    """Settings of a predictor that is adapted to a target whose labels may be distributed in another way."""

    match_labels: int = Field(
        0,
        ge=0,
        le=10,
        description="Rounds in which rows of the source are drawn so that their mean label is that predicted for the "
        "target; 0: none. Adaptation begins with the first round, after 1 / (rounds + 1) of the run.",
    )


def declines(config: Any, spec: DataSpec) -> str:
    """Why such a predictor cannot work on such data, for `Method.declines`; empty if it can."""
    if reason := predictor.declines(config, spec):
        return reason
    if config.match_labels and not isinstance(spec.task, GazeTask | RegressionTask):
        return f"has --match-labels, which needs labels of the task gaze or regression, not {spec.task.name}"
    return ""


class LabelMatching(nn.Module):
    """Draws the rows of the source for a batch.

    Methods that make the features of two domains alike also make their predictions alike, which is wrong as far as the
    labels differ (Zhao et al. 2019, section 4.3). So a run has `rounds` + 1 equal parts. In the first, nothing is
    adapted; in each later one, a row of the source with label y is drawn in proportion to the ratio of two densities at
    y: Gaussians in each column with the variance of the source's labels, one with the mean of the predictions for the
    target at the end of the part before, one with the mean of the source's labels. The ratio is limited to a factor of
    5. The variance is not matched: predictions for the target spread too little, so the source would become narrower
    in each round, and the predictions with it. Without rounds, the module has no state and changes nothing.
    """

    source: Tensor  # float32 [2, task.label_size]: mean and variance of the source's labels, as moving averages
    target: Tensor  # float32 [task.label_size]: mean of the predictions for the target
    wanted: Tensor  # the same as it was when this round began
    seen: Tensor  # float32 [2]: batches of the source and of the target in the averages
    round: Tensor  # float32 0-d

    def __init__(self, rounds: int, spec: DataSpec) -> None:
        super().__init__()
        self.rounds, self.task = rounds, spec.task
        if rounds:
            size = spec.task.label_size
            self.register_buffer("source", torch.stack([torch.zeros(size), torch.ones(size)]))
            self.register_buffer("target", torch.zeros(size))
            self.register_buffer("wanted", torch.zeros(size))
            self.register_buffer("seen", torch.zeros(2))
            self.register_buffer("round", torch.zeros(()))

    def averages(self, name: str) -> tuple[str, ...]:
        """The buffers that processes average, for `Phase`, of a module that a method holds as `name`."""
        return tuple(f"{name}.{buffer}" for buffer, _ in self.named_buffers())

    def ramp(self, progress: Tensor) -> Tensor:
        """The part of its final strength that adaptation has at `progress`: `ramp` from the first round on."""
        first = 1 / (self.rounds + 1) if self.rounds else 0.0
        return ramp(((progress - first) / (1 - first)).clamp_min(0))

    @torch.no_grad()
    def draw(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As many rows of the source as the batch has, some of them more than once: samples and labels."""
        if not self.rounds:
            return batch.source, batch.source_label
        label, (mean, variance) = batch.source_label, self.source
        rate = _rate(self.seen[0])
        step = label.mean(0) - mean
        # the variance of a mixture of two distributions with weights 1 - rate and rate
        variance.copy_((1 - rate) * (variance + rate * step.square()) + rate * label.var(0, correction=0))
        mean += rate * step
        now = (batch.progress * (self.rounds + 1)).floor()
        self.wanted.copy_(torch.where(now > self.round, self.target, self.wanted))
        self.round.copy_(now)
        exponent = ((self.wanted - mean) * (label - (self.wanted + mean) / 2) / variance.clamp_min(1e-12)).sum(1)
        weights = exponent.clamp(-log(MOST), log(MOST)).exp()  # the ratio of the densities
        rows = systematic(torch.where(now > 0, weights, 1.0))
        return batch.source[rows], label[rows]

    @torch.no_grad()
    def observe(self, outputs: Tensor) -> None:
        """Take note of a network's raw outputs [B, task.output_size] for the target of a batch."""
        if self.rounds:
            self.target.lerp_(self.task.decode(outputs.float()).mean(0), _rate(self.seen[1]))


def _rate(seen: Tensor) -> Tensor:
    """The weight of one more batch: a mean over the first 50 batches, then a moving average."""
    seen += 1
    return (1 / seen).clamp_min(1 - REMEMBERED)


def systematic(weights: Tensor) -> Tensor:
    """N rows of N, drawn in proportion to positive weights [N]: int64 [N], in order.

    Row k is drawn floor or ceil of N w_k / sum(w) times, so that equal weights draw each row once (systematic
    resampling, Kitagawa 1996).
    """
    count = len(weights)
    edges = (weights / weights.sum()).cumsum(0) * count
    points = torch.arange(count, device=weights.device) + torch.rand((), device=weights.device)
    return torch.searchsorted(edges, points, right=True).clamp_max(count - 1)
