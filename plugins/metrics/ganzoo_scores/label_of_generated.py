"""`label-of-generated`: whether samples that are generated for labels have these labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec, Kind
from ganzoo.capabilities import Augments, GeneratesLabelled
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method, Phase
from ganzoo.metric import DomainName, Evaluation, Metric, Score, mean_interval, share_interval
from ganzoo.nn.predictor import Predictor, PredictorConfig, declines, recipe
from ganzoo.pixels import to_unit_range
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask, RegressionTask, Task

ganzoo_contract = 2
CHUNK = 512  # samples per batch
SHUFFLE = 0  # seed of the permutation


class LabelOfGeneratedConfig(Settings):
    steps: int = Field(600, ge=1, description="Training steps of the network that learns labels.")
    batch_size: int = Field(64, ge=1, description="Samples in a training step of it.")
    network_seed: int = Field(0, ge=0, description="Seed of its weights, noise and order of the data.")


class LabelReader(Method):
    """The network and the recipe of the method `source-only`, for images of any size and for vectors."""

    name = "label-reader"
    summary = "The network of source-only, trained on the labelled samples of one domain."
    paper = ""
    Config = PredictorConfig
    reads = ("source", "source_label")
    kinds = ("image", "vector")
    couples_batch = True  # BatchNorm

    def __init__(self, config: PredictorConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=True)

    def phases(self) -> Mapping[str, Phase]:
        return {"read": Phase([self.predictor], self.loss, *recipe(self.config))}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def predict(self, samples: Tensor) -> Tensor:
        """The task's prediction for samples [N, ...], images in [-1, 1]: [N, task.label_size]."""
        return self.predictor(samples)


class LabelOfGenerated(Metric):
    """A network that the method has never seen learns to read labels from the domain that the method has learned. It
    reads what the method generates for held-out labels of that domain (or, if it augments samples, of held-out samples
    of a class): the mean error in the task's unit or, of classes, the share that is right.

    The baseline `real` is the same network on the held-out samples themselves, which a generator need not surpass. The
    control `permuted_label_...` compares the generated samples with the labels of others: what a generator would have
    that ignores labels.
    """

    name = "label-of-generated"
    summary = "Whether samples that are generated for labels have these labels, as an independent network reads them."
    needs = (GeneratesLabelled, Augments)
    by_default = False  # trains a network
    tasks: ClassVar[tuple[type[Task], ...]] = (GazeTask, ClassTask, RegressionTask)
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = LabelOfGeneratedConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        side: DomainName = "target" if "target_label" in data.method.columns(data.method.config) else "source"
        learned = data.domain(side)
        able = "generate_labelled" if isinstance(data.method, GeneratesLabelled) else "augment"
        if able == "augment" and not isinstance(data.spec.task, ClassTask):
            raise MetricUnavailableError("augmented samples keep the class or the person, and no other label")
        settings = PredictorConfig(network="gaze" if data.spec.sample.kind == "image" else "mlp")
        if reason := declines(settings, data.spec):
            raise MetricUnavailableError(f"the network that reads labels {reason}")
        labels_of(learned)
        reader = data.fit(
            LabelReader(settings, data.spec),
            learned,
            steps=self.config.steps,
            batch_size=self.config.batch_size,
            seed=self.config.network_seed,
        )
        origin, asked = _held_out(data, side)
        labels = labels_of(asked)
        read = predicted(data, reader, data.applied(able, origin).samples)
        shuffled = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(SHUFFLE))]
        task = data.spec.task
        errors = {
            "method": task.error(read, labels),
            "real": task.error(predicted(data, reader, asked.samples), labels),
        }
        control = task.error(read, shuffled)
        card = {
            **self.config.model_dump(), "network": settings.network, "learned_from": side,
            "training_data": learned.fingerprint(), "labels_of": origin, "samples": len(asked),
            "fingerprint": asked.fingerprint(),
        }  # fmt: skip
        scores = [
            score_of(task, subject, error.double().numpy(), asked.groups, card) for subject, error in errors.items()
        ]
        permuted = score_of(task, "method", control.double().numpy(), asked.groups, card)
        return [*scores, replace(permuted, name=permuted.name.replace("generated", "permuted"), better="")]


def score_of(task: Task, subject: str, errors: np.ndarray, groups: np.ndarray | None, card: Mapping[str, Any]) -> Score:
    """The score of one error for each sample [N]: of classes their share of right answers."""
    if isinstance(task, ClassTask):
        right = int((errors == 0).sum())
        low, high = share_interval(right, len(errors))
        said = {**card, "interval": "95 % Wilson over samples"}
        return Score("generated_label_accuracy", right / len(errors), subject, "", "higher", low, high, card=said)
    lowest, highest = mean_interval(errors, groups) or (None, None)
    said = {**card, "interval": "95 % of the mean, normal, over people if there are several, else over samples"}
    name = "generated_label_error_deg" if isinstance(task, GazeTask) else "generated_label_error"
    return Score(name, float(errors.mean()), subject, task.unit, "lower", lowest, highest, card=said)


def _held_out(data: Evaluation, side: DomainName) -> tuple[DomainName, Domain]:
    held_out: DomainName = "target_test" if side == "target" else "source_test"
    try:
        return held_out, data.sampled(held_out)
    except MetricUnavailableError:
        return side, data.sampled(side)


def labels_of(domain: Domain) -> Tensor:
    """Labels [N, label_size]. Raises MetricUnavailableError if the samples have none."""
    if domain.labels is None:
        raise MetricUnavailableError(f"the {domain.name.replace('_', ' ')} samples have no labels")
    return torch.from_numpy(np.array(domain.labels, np.float32))


def predicted(data: Evaluation, reader: Method, samples: np.ndarray) -> Tensor:
    """The labels [N, task.label_size] that a network reads from samples, on the CPU."""
    assert isinstance(reader, LabelReader)
    read = []
    with torch.no_grad():
        for start in range(0, len(samples), CHUNK):
            chunk = torch.from_numpy(np.array(samples[start : start + CHUNK])).to(data.device)
            read.append(reader.predict(to_unit_range(chunk) if chunk.dtype == torch.uint8 else chunk).cpu().float())
    return torch.cat(read)


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [LabelOfGenerated]
