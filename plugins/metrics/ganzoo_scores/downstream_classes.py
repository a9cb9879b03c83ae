"""`downstream-class-accuracy`: the value of a method's samples as training data of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.capabilities import Augments, GeneratesLabelled, Refines
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, Metric, Score, share_interval
from ganzoo.nn.predictor import PredictorConfig, declines
from ganzoo.task import ClassTask, Task
from ganzoo_scores.label_of_generated import LabelOfGeneratedConfig, LabelReader, labels_of, predicted

ganzoo_contract = 2
ABLE = {"refine": Refines, "generate_labelled": GeneratesLabelled, "augment": Augments}


class DownstreamClassAccuracy(Metric):
    """A classifier learns from what the method makes of the source: its refined or augmented samples, or those that it
    generates for the source's labels. It is tested on the held-out target, beside the same classifier trained on the
    source itself (`source-only`) and the most frequent class of the source (`constant`).

    `downstream_mean_recall` is the mean over classes of the share that is found, so that a rare class counts as
    much as others.
    """

    name = "downstream-class-accuracy"
    summary = "Accuracy on the target of a classifier trained on the method's samples for the labels of the source."
    needs = (Refines, GeneratesLabelled, Augments)
    by_default = False  # trains a network
    tasks: ClassVar[tuple[type[Task], ...]] = (ClassTask,)
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = LabelOfGeneratedConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        test, source = data.domain("target_test"), data.sampled("source")
        truth = labels_of(test)[:, 0].long().numpy()
        settings = PredictorConfig(network="gaze" if data.spec.sample.kind == "image" else "mlp")
        if reason := declines(settings, data.spec):
            raise MetricUnavailableError(f"the classifier {reason}")
        able = next(name for name, protocol in ABLE.items() if isinstance(data.method, protocol))
        frequent = np.bincount(labels_of(source)[:, 0].long().numpy()).argmax()
        answers = {
            "method": self._learned(data, settings, data.applied(able, "source"), test),
            "source-only": self._learned(data, settings, source, test),
            "constant": np.full(len(test), frequent),
        }
        card = {
            **self.config.model_dump(), "network": settings.network, "source": source.fingerprint(),
            "measured_on": "target_test", "samples": len(test), "fingerprint": test.fingerprint(),
            "interval": "of the accuracy: 95 % Wilson over samples",
        }  # fmt: skip
        scores = []
        for subject, answer in answers.items():
            right = answer == truth
            low, high = share_interval(int(right.sum()), len(right))
            scores.append(
                Score("downstream_accuracy", float(right.mean()), subject, "", "higher", low, high, card=card)
            )
            recall = float(np.mean([right[truth == each].mean() for each in np.unique(truth)]))
            scores.append(Score("downstream_mean_recall", recall, subject, "", "higher", card=card))
        return scores

    def _learned(self, data: Evaluation, settings: PredictorConfig, training: Domain, test: Domain) -> np.ndarray:
        """The classes [N] that a classifier of these samples finds in the test's."""
        reader = data.fit(
            LabelReader(settings, data.spec),
            training,
            steps=self.config.steps,
            batch_size=self.config.batch_size,
            seed=self.config.network_seed,
        )
        answer: np.ndarray = predicted(data, reader, test.samples)[:, 0].round().to(torch.int64).numpy()
        return answer


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [DownstreamClassAccuracy]
