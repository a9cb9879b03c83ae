"""Subspace Alignment (Fernando et al. 2013)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import DataSpec
from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError
from ganzoo.method import Method, Phase, Presets
from ganzoo.pixels import as_input
from ganzoo.settings import Settings
from ganzoo.task import ClassTask

ganzoo_contract = 2

FLAT = 1e-6  # a feature of smaller spread is constant in its domain, and is only centred


class SubspaceAlignmentConfig(Settings):
    dimensions: int = Field(80, ge=1, le=4096, description="Dimension of each domain's subspace.")
    alignment: bool = Field(
        True, description="Align the subspaces; off: nearest neighbours in the original features, without adaptation."
    )
    standardise: Literal["domain", "none"] = Field(
        "domain",
        description="Bring each feature to mean 0 and deviation 1 in its domain (domain), or take features that are so "
        "already as they are (none).",
    )
    neighbours: int = Field(
        1, ge=1, le=1000, description="Source samples that decide: their most frequent class, or their mean label."
    )
    memory: int = Field(
        2_000, ge=1, le=1_000_000, description="Labelled source samples that are kept at most, evenly spaced."
    )
    samples: int = Field(
        10_000, ge=2, le=1_000_000, description="Samples of a domain, evenly spaced, that a subspace is taken from."
    )

    @model_validator(mode="after")
    def _neighbours_are_kept(self) -> Self:
        if self.memory < self.neighbours:
            raise ValueError(f"memory {self.memory} is less than neighbours {self.neighbours}; keep at least as many")
        return self


class SubspaceAlignment(Method):
    """The subspace of each domain is spanned by its first principal axes; M = Xs' Xt maps the source's axes to the
    target's (equation 3). Labels are read from the nearest aligned source samples (section 3.3).
    """

    name = "subspace-alignment"
    summary = "Aligns the principal axes of the source with the target's, and reads labels from nearest neighbours."
    paper = (
        "https://openaccess.thecvf.com/content_iccv_2013/html/Fernando_Unsupervised_Visual_Domain_2013_ICCV_paper.html"
    )
    Config = SubspaceAlignmentConfig
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 0}},
        "source-only": {"method": {"alignment": False}, "train": {"steps": 0}},
    }
    checked_at_most: ClassVar[Mapping[str, float]] = {"memory": 64}
    mean: Tensor  # [D]: of the target's features
    deviation: Tensor  # [D]
    axes: Tensor  # [D, k]: of the target; those beyond its rank are zero. Empty without alignment
    stored: Tensor  # [memory, k]: source samples in the target's subspace, or [memory, D] without alignment
    labels: Tensor  # [memory, task.label_size]
    filled: Tensor  # 0-d: rows of `stored` that hold a sample

    def __init__(self, config: SubspaceAlignmentConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        size = int(np.prod(spec.sample.shape))
        width = config.dimensions if config.alignment else size
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("axes", torch.zeros(size, config.dimensions if config.alignment else 0))
        self.register_buffer("stored", torch.zeros(config.memory, width))
        self.register_buffer("labels", torch.zeros(config.memory, spec.task.label_size))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        if len(source) < self.config.neighbours:
            raise ConfigError(
                f"--neighbours {self.config.neighbours}: the source has only {len(source)} samples; give a smaller "
                "number"
            )
        kept = source.spread(self.config.memory)
        sources, moments = self._standardised(source)
        targets, (mean, deviation) = self._standardised(target)
        mapped = (_flat(kept) - moments[0]) / moments[1]
        if self.config.alignment:
            target_axes = principal_axes(targets, self.config.dimensions)
            mapped = mapped @ aligned(principal_axes(sources, self.config.dimensions), target_axes)
            self.axes.copy_(target_axes)
        self.mean.copy_(mean)
        self.deviation.copy_(deviation)
        self.stored.zero_()[: len(kept)] = mapped.float()
        self.labels.zero_()[: len(kept)] = torch.tensor(kept.labels)
        self.filled.fill_(len(kept))

    def predict(self, images: Tensor) -> Tensor:
        queries = (images.flatten(1).float() - self.mean) / self.deviation
        queries = queries @ self.axes if self.config.alignment else queries
        known = self.stored[: max(int(self.filled), self.config.neighbours)]
        distances = torch.cdist(queries, known, compute_mode="donot_use_mm_for_euclid_dist")  # exact for equal samples
        nearest = distances.topk(self.config.neighbours, dim=1, largest=False).indices
        votes = self.labels[nearest]  # [N, neighbours, task.label_size]
        return _most_frequent(votes, self.spec.task.classes) if isinstance(self.spec.task, ClassTask) else votes.mean(1)

    def _standardised(self, domain: Domain) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Samples of a domain, float64 [N, D], as `standardise` says, and the mean and deviation that it takes."""
        rows = _flat(domain.spread(self.config.samples))
        mean, deviation = torch.zeros_like(rows[0]), torch.ones_like(rows[0])
        if self.config.standardise == "domain":
            mean, spread = rows.mean(0), rows.std(0, correction=0)
            deviation = torch.where(spread > FLAT, spread, 1.0)
        return (rows - mean) / deviation, (mean, deviation)


def principal_axes(rows: Tensor, count: int) -> Tensor:
    """The first principal axes of samples [N, D], float64 [D, count]; axes beyond the rank of the samples are zero."""
    centred = rows - rows.mean(0)
    _, strengths, axes = torch.linalg.svd(centred, full_matrices=False)
    rank = int((strengths > strengths[0] * max(centred.shape) * torch.finfo(rows.dtype).eps).sum())
    found = axes[: min(rank, count)]
    return F.pad(found.T, (0, count - len(found)))


def aligned(source_axes: Tensor, target_axes: Tensor) -> Tensor:
    """The axes [D, k] onto which source samples are projected: Xa = Xs M with M = Xs' Xt (equations 2 and 3)."""
    return source_axes @ (source_axes.T @ target_axes)


def _flat(domain: Domain) -> Tensor:
    """Samples as float64 [N, D]; pixels in [-1, 1]."""
    return as_input(torch.tensor(domain.samples)).flatten(1).double()


def _most_frequent(votes: Tensor, classes: int) -> Tensor:
    """The most frequent class of votes [N, K, 1], nearest first; the nearest vote decides between equal numbers."""
    ranks = torch.arange(votes.shape[1], device=votes.device)
    counts = F.one_hot(votes[..., 0].long(), classes) * (1 - 1e-7 * ranks.double())[:, None]
    return counts.sum(1).argmax(1, keepdim=True).float()


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [SubspaceAlignment]
