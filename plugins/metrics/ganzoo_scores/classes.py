"""`class-accuracy`: the share of target images that a method classifies correctly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.capabilities import Predicts
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method
from ganzoo.metric import DomainName, Evaluation, Metric, Score, share_interval
from ganzoo.pixels import as_input
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, Task

ganzoo_contract = 2

CHUNK = 1_000  # images per batch


class NoSettings(Settings):
    """No settings."""


class ClassAccuracy(Metric):
    """On the held-out target, and on the held-out source, which shows whether the method has learned its task.

    The 95 % interval is Wilson's, over images. The baseline `constant` is the most frequent class of the source.
    """

    name = "class-accuracy"
    summary = "The share of held-out images whose class the method predicts."
    needs = (Predicts,)
    kinds = ("image", "vector")
    tasks: ClassVar[tuple[type[Task], ...]] = (ClassTask,)
    Config = NoSettings

    def predictor(self, data: Evaluation) -> Method:
        return data.method

    def scores_of(self, data: Evaluation, prediction: Tensor) -> Sequence[Score]:
        test = data.domain("target_test")
        right = prediction[:, 0].round().long().numpy() == _labels(test)
        return [_score("accuracy", "method", right, test, "target_test")]

    def measure(self, data: Evaluation) -> Sequence[Score]:
        scores = []
        test = data.domain("target_test")
        labels = _labels(test)
        frequent = np.bincount(_labels(data.domain("source"))).argmax()
        for subject, right in {"method": _predicted(data, test) == labels, "constant": labels == frequent}.items():
            scores.append(_score("accuracy", subject, right, test, "target_test"))
        try:
            held_out = data.domain("source_test")
        except MetricUnavailableError:
            return scores
        right = _predicted(data, held_out) == _labels(held_out)
        return [*scores, _score("source_accuracy", "method", right, held_out, "source_test")]


def _score(name: str, subject: str, right: np.ndarray, images: Domain, origin: DomainName) -> Score:
    low, high = share_interval(int(right.sum()), len(right))
    card = {"measured_on": origin, "images": len(images), "fingerprint": images.fingerprint(),
            "interval": "95 % Wilson over images"}  # fmt: skip
    return Score(name, float(right.mean()), subject, better="higher", low=low, high=high, card=card)


def _labels(domain: Domain) -> np.ndarray:
    if domain.labels is None:
        raise MetricUnavailableError(f"the {domain.name.replace('_', ' ')} images have no labels")
    return np.asarray(domain.labels)[:, 0].astype(int)


def _predicted(data: Evaluation, domain: Domain) -> np.ndarray:
    """Predicted classes of a domain's images, int [N]."""
    method: Method = data.method
    assert isinstance(method, Predicts)

    def classes(chunk: np.ndarray) -> Tensor:
        samples = as_input(torch.tensor(chunk, device=data.device))
        return method.predict(samples)[:, 0].cpu()

    with torch.no_grad():
        chunks = [domain.samples[start : start + CHUNK] for start in range(0, len(domain), CHUNK)]
        return torch.cat([classes(chunk) for chunk in chunks]).round().long().numpy()


@hookimpl
def ganzoo_metrics() -> list[type[Metric]]:
    return [ClassAccuracy]
