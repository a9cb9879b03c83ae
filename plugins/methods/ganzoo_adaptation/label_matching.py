"""Label shift: resampling the source to the labels that are predicted for the target."""

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
MOST = 5.0  # times as likely, or as unlikely, as a row with equal densities


class LabelMatchingConfig(PredictorConfig):
    """Settings of a predictor that is adapted to a target which may have another distribution of labels."""

    match_labels: int = Field(
        0,
        ge=0,
        le=10,
        description="Rounds of resampling the source, so that its labels have the mean and the variance of those "
        "predicted for the target; 0: none. Adaptation begins with the first round, after 1 / (rounds + 1) of the run.",
    )


def declines(config: Any, spec: DataSpec) -> str:
    """Why such a predictor cannot work on such data, for `Method.declines`; empty if it can."""
    if reason := predictor.declines(config, spec):
        return reason
    if config.match_labels and not isinstance(spec.task, GazeTask | RegressionTask):
        return f"has --match-labels, which needs labels of the task gaze or regression, not {spec.task.name}"
    return ""


class LabelMatching(nn.Module):
    """Resamples the rows of the source in a batch.

    Methods that make the features of two domains alike also make their predictions alike, which is wrong as far as the
    labels differ (Zhao et al. 2019, section 4.3). So a run has `rounds` + 1 equal parts. In the first, nothing is
    adapted; in each later one, a row of the source with label y is drawn in proportion to the ratio of two densities at
    y: that of the predictions for the target at the end of the part before, and that of the source's labels. Both are
    Gaussian in each column, so that a ratio needs two moments and no bandwidth; the ratio is limited to a factor of 5.
    If predictions spread too little, so does the resampled source: no deconvolution is tried. Without rounds, the
    module has no state and changes nothing.
    """

    source: Tensor  # float32 [2, task.label_size]: mean and variance of the source's labels, as moving averages
    target: Tensor  # the same of the predictions for the target
    wanted: Tensor  # the same as they were when this round began
    seen: Tensor  # float32 [2]: batches of the source and of the target in the averages
    round: Tensor  # float32 0-d

    def __init__(self, rounds: int, spec: DataSpec) -> None:
        super().__init__()
        self.rounds, self.task = rounds, spec.task
        if rounds:
            for name in ("source", "target", "wanted"):
                self.register_buffer(name, torch.tensor([[0.0], [1.0]]).repeat(1, spec.task.label_size))
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
        label = batch.source_label
        _include(self.source, label, self.seen[0])
        now = (batch.progress * (self.rounds + 1)).floor()
        self.wanted.copy_(torch.where(now > self.round, self.target, self.wanted))
        self.round.copy_(now)
        ratio = (_log_density(label, self.wanted) - _log_density(label, self.source)).clamp(-log(MOST), log(MOST))
        rows = systematic(torch.where(now > 0, ratio, 0.0).exp())
        return batch.source[rows], label[rows]

    @torch.no_grad()
    def observe(self, outputs: Tensor) -> None:
        """Take note of a network's raw outputs [B, task.output_size] for the target of a batch."""
        if self.rounds:
            _include(self.target, self.task.decode(outputs.float()), self.seen[1])


def systematic(weights: Tensor) -> Tensor:
    """N rows of N, drawn in proportion to positive weights [N]: int64 [N], in order.

    Row k is drawn floor or ceil of N w_k / sum(w) times, so that equal weights draw each row once (systematic
    resampling, Kitagawa 1996).
    """
    count = len(weights)
    edges = (weights / weights.sum()).cumsum(0) * count
    points = torch.arange(count, device=weights.device) + torch.rand((), device=weights.device)
    return torch.searchsorted(edges, points, right=True).clamp_max(count - 1)


def _include(moments: Tensor, rows: Tensor, seen: Tensor) -> None:
    """Move moments [2, D] towards those of rows [N, D]: a mean over the first 50 batches, then a moving average."""
    seen += 1
    rate = (1 / seen).clamp_min(1 - REMEMBERED)
    step = rows.mean(0) - moments[0]
    # the variance of a mixture of two distributions with weights 1 - rate and rate
    moments[1] = (1 - rate) * (moments[1] + rate * step.square()) + rate * rows.var(0, correction=0)
    moments[0] += rate * step


def _log_density(label: Tensor, moments: Tensor) -> Tensor:
    """Of labels [N, D] under a Gaussian with mean and variance [2, D], up to a constant: [N]."""
    mean, variance = moments[0], moments[1].clamp_min(1e-12)
    return -((label - mean).square() / variance + variance.log()).sum(1) / 2
