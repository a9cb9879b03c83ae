"""`prediction-error` and `downstream-error`: errors of predicted numbers, in the unit of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.capabilities import Predicts, Refines
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import DomainName, Evaluation, Metric, Score, mean_interval
from ganzoo.nn.predictor import PredictorConfig, declines
from ganzoo.pixels import as_input
from ganzoo.settings import Settings
from ganzoo.task import RegressionTask, Task
from ganzoo_scores.label_of_generated import LabelOfGeneratedConfig, LabelReader, labels_of

ganzoo_contract = 2
CHUNK = 512  # samples per batch
INTERVAL = "of the mean: normal 95 %, cluster-robust over people if they are known"


class NoSettings(Settings):
    """No settings."""


class PredictionError(Metric):
    """The Euclidean distance of the method's predictions from the labels, on the held-out target and, to show whether
    it has learned its task, on the held-out source. The baseline `constant` is the mean label of the source."""

    name = "prediction-error"
    summary = "Error of the method's predicted numbers on the held-out target, in the task's unit."
    needs = (Predicts,)
    by_default = False  # the default metrics are part of a cell's identity
    tasks: ClassVar[tuple[type[Task], ...]] = (RegressionTask,)
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = NoSettings

    def measure(self, data: Evaluation) -> Sequence[Score]:
        test = data.domain("target_test")
        assert isinstance(data.method, Predicts)
        scores = [
            *error_scores("prediction_error", "method", data, predictions(data, data.method, test.samples), test),
            *error_scores("prediction_error", "constant", data, constant(data, test), test),
        ]
        try:
            held_out = data.domain("source_test")
        except MetricUnavailableError:
            return scores
        found = predictions(data, data.method, held_out.samples)
        return [*scores, *error_scores("source_prediction_error", "method", data, found, held_out, "source_test")]


class DownstreamError(Metric):
    """A network learns from the method's refined source images, and is tested on the held-out target, beside the same
    network trained on the source itself (`source-only`) and the mean label of the source (`constant`)."""

    name = "downstream-error"
    summary = "Error on the held-out target of a network trained on the method's refined images, in the task's unit."
    needs = (Refines,)
    by_default = False  # trains networks
    tasks: ClassVar[tuple[type[Task], ...]] = (RegressionTask,)
    Config = LabelOfGeneratedConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        test, source = data.domain("target_test"), data.sampled("source")
        labels_of(test)
        settings = PredictorConfig(network="gaze")
        if reason := declines(settings, data.spec):
            raise MetricUnavailableError(f"the network {reason}")
        found = {
            "method": self._learned(data, settings, data.refined("source"), test),
            "source-only": self._learned(data, settings, source, test),
            "constant": constant(data, test),
        }
        card = {**self.config.model_dump(), "network": settings.network, "source": source.fingerprint()}
        return [
            score
            for subject, prediction in found.items()
            for score in error_scores("downstream_error", subject, data, prediction, test, card=card)
        ]

    def _learned(self, data: Evaluation, settings: PredictorConfig, training: Domain, test: Domain) -> Tensor:
        network = LabelReader(settings, data.spec)
        config = self.config
        fitted = data.fit(
            network, training, steps=config.steps, batch_size=config.batch_size, seed=config.network_seed
        )  # fmt: skip
        assert isinstance(fitted, Predicts)
        return predictions(data, fitted, test.samples)


def predictions(data: Evaluation, network: Predicts, samples: np.ndarray) -> Tensor:
    """The predictions [N, task.label_size] of a method or network for samples as they are on disk, on the CPU."""
    with torch.no_grad():
        chunks = (np.array(samples[start : start + CHUNK]) for start in range(0, len(samples), CHUNK))
        made = [network.predict(as_input(torch.from_numpy(chunk).to(data.device))).float().cpu() for chunk in chunks]
    return torch.cat(made)


def constant(data: Evaluation, test: Domain) -> Tensor:
    """The mean label of the source, for each row of `test`."""
    return labels_of(data.domain("source")).double().mean(0).float().expand(len(test), -1)


def error_scores(
    name: str,
    subject: str,
    data: Evaluation,
    prediction: Tensor,
    truth: Domain,
    origin: DomainName = "target_test",
    card: Mapping[str, Any] | None = None,
) -> list[Score]:
    """The mean error of predictions [N, k], its median, and bias and slope of each column."""
    task, labels = data.spec.task, labels_of(truth)
    error = task.error(prediction, labels).double().numpy()
    facts = {
        **(card or {}), "measured_on": origin, "samples": len(truth), "fingerprint": truth.fingerprint(),
        "interval": INTERVAL,
    }  # fmt: skip
    low, high = mean_interval(error, truth.groups) or (None, None)
    suffix = f"_{task.unit}" if task.unit.isidentifier() else ""
    scores = [
        Score(f"{name}{suffix}", float(error.mean()), subject, task.unit, "lower", low, high, card=facts),
        Score(
            f"{name}_median{suffix}", float(np.median(error)), subject, task.unit, "lower", headline=False, card=facts
        ),
    ]
    for at in range(task.label_size):
        given, true = prediction[:, at].double().numpy(), labels[:, at].double().numpy()
        bias = float((given - true).mean())
        scores.append(Score(f"{name}_{at + 1}_bias", bias, subject, task.unit, headline=False, card=facts))
        slope = float(np.cov(given, true)[0, 1] / true.var(ddof=1)) if len(true) > 1 and true.std() > 0 else None
        why = "" if slope is not None else "the labels are all alike"
        scores.append(Score(f"{name}_{at + 1}_slope", slope, subject, reason=why, headline=False, card=facts))
    return scores


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [PredictionError, DownstreamError]
