"""DARE-GRAM (Nejjar et al. 2023): features whose inverse Gram matrices agree, for regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets
from ganzoo.nn.full_precision import without_autocast
from ganzoo.nn.predictor import LAPTOP, PredictorConfig, recipe
from ganzoo_adaptation.alignment import Alignment, AlignmentConfig, diagnose
from ganzoo_adaptation.label_matching import declines

ganzoo_contract = 2

SMALLEST = 1e-3  # eigenvalues below this share of the first are dropped: their reciprocals have huge gradients
ROWS = 36  # a batch of the authors' experiments, whose Gram matrices are sums over it


class DareGramConfig(AlignmentConfig):
    """Settings of DARE-GRAM. The defaults fit eyes on a laptop."""

    alignment: float = Field(0.1, ge=0, description="Weight of the angle and the scale between features.")
    scale: float = Field(
        0.72,
        ge=0,
        description="Weight of the scale relative to that of the angle. The default is the authors' .001 to .05 for "
        "sums over 36 rows; here Gram matrices are means.",
    )
    kept: float = Field(
        0.9, gt=0, lt=1, description="Share of the sum of eigenvalues whose directions are compared (T)."
    )


# The authors' code for dSprites: SGD with momentum, a learning rate of 0.1 (a tenth of it for the features, which all
# layers have here) and its annealing, batches of 36.
PAPER: dict[str, Any] = {
    "optimizer": "sgd", "lr": 0.01, "decay": "annealed", "augment": False, "balance": "fixed", "alignment": 0.05,
}  # fmt: skip


class DareGram(Method):
    """Aligns what the closed form of a linear regression depends on (section 3.2): the directions of the pseudo-inverse
    of the Gram matrix of features, and its leading eigenvalues. The distance is a mean over rows where the authors'
    code sums, so that it does not depend on the size of a batch."""

    name = "dare-gram"
    summary = "Predicts labels from features with equal inverse Gram matrices in source and target, for regression."
    paper = "https://arxiv.org/abs/2303.13325"
    Config = DareGramConfig
    couples_batch = True  # BatchNorm and Gram matrices
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "paper": {"method": PAPER, "train": {"steps": 20_000, "batch_size": ROWS}},
    }

    def __init__(self, config: DareGramConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.aligned = Alignment(config, spec)

    @classmethod
    def declines(cls, config: PredictorConfig, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        averages = self.aligned.matching.averages("aligned.matching")
        return {"predictor": Phase([self.aligned.predictor], self.loss, *recipe(self.config), averages=averages)}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return self.aligned.loss(batch, self.distance)

    def distance(self, source: Tensor, target: Tensor) -> Tensor:
        """Equations 7 and 10 for features [B, D] and [B, D]; the angle has weight 1."""
        angle, scale = angle_and_scale(source, target, self.config.kept)
        return angle + self.config.scale * scale

    def predict(self, images: Tensor) -> Tensor:
        return self.aligned.predictor(images)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return diagnose(means)


def angle_and_scale(source: Tensor, target: Tensor, kept: float) -> tuple[Tensor, Tensor]:
    """Both distances between features [N, D] and [N, D]: 0-d, zero for equal features.

    The angle is the mean of 1 - cosine over the columns of both pseudo-inverses, from 0 to 2. The scale is the
    Euclidean distance of the leading eigenvalues, divided by their number.
    """
    with without_autocast(source.device):
        rows = [F.pad(features, (1, 0), value=1.0) / len(features) ** 0.5 for features in (source, target)]
        grams = [each.T @ each for each in rows]  # means of the outer products of (1, features): [D + 1, D + 1]
        # Their eigenvalues and eigenvectors. Rows that are not finite become zero: a decomposition would raise an error
        # before the loop reports the divergence, which it sees in the loss of the labels.
        parts = [torch.linalg.svd(each.detach().nan_to_num(0.0, 0.0, 0.0), full_matrices=False) for each in rows]
        spectra = torch.stack([singular.square() for _, singular, _ in parts])
        count = torch.maximum(*_leading(spectra, kept))  # [1]: k of section 3.2, of both domains
        leading = torch.arange(spectra.shape[1], device=source.device) < count
        inverses, values = [], []
        for gram, spectrum, (_, _, right) in zip(grams, spectra, parts, strict=True):
            reciprocal = torch.where(leading & (spectrum > SMALLEST * spectrum[0]), 1 / spectrum.clamp_min(1e-20), 0)
            inverses.append(_with_gradient((right.T * reciprocal) @ right, gram))
            values.append((right * (right @ gram)).sum(1))  # the eigenvalues, with their gradient v v'
        difference = torch.where(leading, values[0] - values[1], 0).square().sum()
        return _mean_angle(*inverses), (difference + 1e-12).sqrt() / count[0]


def _with_gradient(inverse: Tensor, gram: Tensor) -> Tensor:
    """`inverse`, a pseudo-inverse [D, D] without gradient, with the gradient of a pseudo-inverse of constant rank
    (Golub and Pereyra 1973, equation 4.12). That of eigenvectors is not finite if eigenvalues are equal, as the zeros
    are when a batch is smaller than D."""
    change = gram - gram.detach()
    rest = torch.eye(len(gram), device=gram.device, dtype=gram.dtype) - inverse @ gram.detach()
    outside = inverse @ inverse @ change @ rest.T
    return inverse - inverse @ change @ inverse + outside + outside.T


def _mean_angle(a: Tensor, b: Tensor) -> Tensor:
    """The mean of 1 - cosine over the columns of [D, D] matrices. A column that is zero in one of them (a feature that
    no sample activates) counts as 0: its direction is rounding error, and its gradient would be a large number."""
    lengths = a.norm(dim=0) * b.norm(dim=0)
    alive = lengths > 1e-9
    cosine = (a * b).sum(0) / torch.where(alive, lengths, 1.0)
    return torch.where(alive, (1 - cosine).abs(), 0.0).mean()


def _leading(values: Tensor, kept: float) -> list[Tensor]:
    """For each of two spectra [2, min(N, D + 1)], in descending order, the number of eigenvalues before the last one
    that fits in `kept` of their sum; at least one. Each is an int64 tensor [1]."""
    values = F.pad(values, (0, 1))  # a single row has one eigenvalue
    shares = values.cumsum(1) / values.sum(1, keepdim=True).clamp_min(1e-12)
    limits = shares[:, 1:2].clamp_min(kept)
    last = (shares <= limits).sum(1, keepdim=True) - 1
    return list(last.clamp(1, values.shape[1] - 1))


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [DareGram]
