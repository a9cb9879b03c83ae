"""`memorisation`: whether generated samples are nearer to the training samples than held-out ones are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import DomainName, Evaluation, MakesSamples, Metric, Score, share_interval
from ganzoo.settings import Settings

ganzoo_contract = 2
PIXELS = "pixels"
QUANTILE = 0.01  # of the held-out distances: nearer is suspiciously near
CHUNK = 256  # samples whose distances to all training samples are held at once


class MemorisationConfig(Settings):
    samples: int = Field(1_000, ge=8, le=50_000, description="Generated samples, and held-out ones, that are compared.")
    extractors: tuple[str, ...] = Field(
        (PIXELS,), description='Where distances are measured: "pixels" (or numbers), and names of feature extractors.'
    )


class Memorisation(Metric):
    """The distance of each generated sample to its nearest training sample, beside that of held-out samples, which
    nobody can have memorised. `nearest_ratio` is the ratio of both medians: 0 for copies, about 1 for new samples of
    the same distribution. `copied_share` is the share of generated samples that are nearer than 1 % of held-out ones.

    Every second held-out sample is the reference; the baseline `real` is the others, measured in the same way.
    """

    name = "memorisation"
    summary = "Distances of generated samples to the nearest training sample, relative to those of held-out samples."
    needs = (MakesSamples,)
    by_default = False
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = MemorisationConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        side, count = learned_domain(data), self.config.samples
        held_out: DomainName = "source_test" if side == "source" else "target_test"
        training, other = data.domain(side), data.domain(held_out).spread(2 * count)
        if len(other) < 8:
            raise MetricUnavailableError(f"8 held-out samples are needed at least, and there are {len(other)}")
        rows = np.arange(len(other))
        reference, real = other.take(rows[0::2]), other.take(rows[1::2])
        subjects = {"method": data.made(count), "real": real}
        card = {
            "training_data": side, "training_samples": len(training), "fingerprint": training.fingerprint(),
            "held_out": held_out, "held_out_samples": len(reference), "quantile": QUANTILE,
            "interval": "of the share: 95 % Wilson over samples; the quantile is taken as known",
        }  # fmt: skip
        scores: list[Score] = []
        for extractor in self.config.extractors:
            known = _numbers(data, extractor, training)
            usual = nearest_distances(_numbers(data, extractor, reference), known)
            for subject, samples in subjects.items():
                near = nearest_distances(_numbers(data, extractor, samples), known)
                scores += scores_of(extractor, subject, near, usual, {**card, "samples": len(samples)})
        return scores


def learned_domain(data: Evaluation) -> DomainName:
    """The domain whose samples the method should look like: the target, unless it only reads the source."""
    reads = data.method.columns(data.method.config)
    return "target" if "target" in reads or "source" not in reads else "source"


def scores_of(extractor: str, subject: str, near: np.ndarray, usual: np.ndarray, card: dict[str, Any]) -> list[Score]:
    """The scores of distances [N] to the nearest training sample, given those of held-out samples [M]."""
    copied = int((near < np.quantile(usual, QUANTILE)).sum())
    low, high = share_interval(copied, len(near))
    middle = float(np.median(usual))
    ratio = float(np.median(near)) / middle if middle > 0 else None
    reason = "" if ratio is not None else "half of the held-out samples are training samples"
    return [
        Score(f"nearest_ratio[{extractor}]", ratio, subject, reason=reason, card=card),
        Score(f"copied_share[{extractor}]", copied / len(near), subject, "", "lower", low, high, card=card),
    ]


def nearest_distances(samples: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The Euclidean distance of each row [N, D] to its nearest row of `known` [M, D]: float64 [N], 0 for copies.

    Neighbours are found through products of centred rows, and their distances from differences: those of products
    would be rounding for copies.
    """
    centre = known.mean(0, dtype=np.float64).astype(np.float32)
    given, others = (torch.from_numpy(rows.astype(np.float32) - centre) for rows in (samples, known))
    squares = others.square().sum(1)
    found: list[Tensor] = []
    for part in given.split(CHUNK):
        nearest = (squares - 2 * part @ others.T).argmin(1)
        found.append((part.double() - others[nearest].double()).norm(dim=1))
    return torch.cat(found).numpy()


def _numbers(data: Evaluation, extractor: str, domain: Domain) -> np.ndarray:
    """The samples of a domain as rows [N, D]: their pixels or numbers, or the features of an extractor."""
    if extractor == PIXELS:
        return np.asarray(domain.samples).reshape(len(domain), -1)
    if data.spec.sample.kind != "image":
        raise MetricUnavailableError(f"the extractor {extractor} takes images; use --memorisation-extractors {PIXELS}")
    return data.features(extractor, domain)


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [Memorisation]
