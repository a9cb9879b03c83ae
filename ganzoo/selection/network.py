"""The network of a finished run that predicts labels: its own, or the one that a metric trained on what it makes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import DataSpec
from ganzoo.criterion import Outputs
from ganzoo.dataset import Dataset
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.discovery.registry import registry
from ganzoo.errors import CheckpointError, CriterionUnavailableError
from ganzoo.evaluation.evaluate import EvaluationObserver, TrainedEvaluation, applies, to_device
from ganzoo.method import Method
from ganzoo.metric import Metric, ScoresPredictions
from ganzoo.nn.predictor import Predictor
from ganzoo.runs.experiment import load_trained, plan_of_run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.training.devices import resolve_device

CHUNK = 512  # images that go through a network at once


class PredictingNetwork:
    """Loads a run, and trains the network of a refiner's metric, only when it is first asked for a prediction."""

    def __init__(self, folder: RunFolder, dataset: Callable[[Any], Dataset], watcher: EvaluationObserver) -> None:
        """`dataset` returns the dataset of a plan: runs on the same data share it."""
        self.folder, self.watcher = folder, watcher
        self.plan = plan_of_run(folder)
        self._dataset = dataset

    @cached_property
    def spec(self) -> DataSpec:
        """The shape of the run's data and its task, from run.toml if it notes them."""
        return DataSpec.from_table(self.folder.settings().get("data", {})) or self._dataset(self.plan).spec()

    @cached_property
    def data(self) -> TrainedEvaluation:
        device = resolve_device(self.plan.train.device)
        method, step = load_trained(self.folder, self.plan, device)
        if step < self.plan.train.steps:
            raise CheckpointError(
                f"{self.folder.path} is at step {step} of {self.plan.train.steps}; run the `ganzoo run` command that "
                "started it again"
            )
        return TrainedEvaluation(
            method,
            self._dataset(self.plan),
            seed=self.plan.train.seed,
            samples=self.plan.evaluate.samples,
            extractors=registry().found["extractors"],
            capabilities=registry().found["capabilities"],
            precision=self.plan.train.precision,
            device=device,
            watcher=self.watcher,
        )

    def release(self) -> None:
        """Free the networks and what was computed with them; they are loaded again when they are needed."""
        for name in ("data", "metric", "predictor"):
            self.__dict__.pop(name, None)

    @cached_property
    def metric(self) -> ScoresPredictions | None:
        """The first metric of the run that scores predictions; None if it measured none, or none applies."""
        for name, config in self.plan.metric_configs.items():
            metric: Metric = registry().get("metrics", name)(config)
            if isinstance(metric, ScoresPredictions) and applies(metric, self.data):
                return metric
        return None

    @cached_property
    def predictor(self) -> Method:
        """Raises CriterionUnavailableError for a run of which nothing predicts."""
        if "predict" in self.data.capabilities:
            return self.data.method
        if self.metric is None:
            raise CriterionUnavailableError(
                f"{self.plan.method.name} predicts no labels, and the run has no metric that trains a network on its "
                "images, such as downstream-gaze-error"
            )
        with blaming(f"metric of {self.plan.method.name}, predictor"):
            found: Method = self.metric.predictor(self.data)
        return found

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Predictions float32 [N, label_size] of samples [N, ...], in float32 arithmetic."""
        return np.concatenate([self._predicted(part).cpu().float().numpy() for part in _parts(images)])

    def outputs(self, images: np.ndarray) -> Outputs:
        """Raises CriterionUnavailableError if the predictions are not those of one `Predictor`."""
        found = [module for module in self.predictor.modules() if isinstance(module, Predictor)]
        for network in found:
            if (seen := self._seen(network, images)) is not None:
                return seen
        raise CriterionUnavailableError(
            f"{self.predictor.name} does not show what its predictions are read from: they are not those of one "
            "ganzoo.nn.predictor.Predictor"
        )

    def _seen(self, network: Predictor, images: np.ndarray) -> Outputs | None:
        """What passes through the network's head while the method predicts; None if the predictions are others."""
        given: list[Tensor] = []
        made: list[Tensor] = []

        def note(_: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            given.append(inputs[0].flatten(1).cpu().float())
            made.append(output.cpu().float())

        handle = network.head.register_forward_hook(note)
        try:
            predictions = [self._predicted(part).cpu().float() for part in _parts(images)]
        finally:
            handle.remove()
        if len(made) != len(predictions) or any(len(a) != len(b) for a, b in zip(made, predictions, strict=True)):
            return None
        if not torch.allclose(network.task.decode(torch.cat(made)).float(), torch.cat(predictions), atol=1e-5):
            return None
        return Outputs(torch.cat(made).numpy(), torch.cat(given).numpy())

    def _predicted(self, part: np.ndarray) -> Tensor:
        predictor: Any = self.predictor  # outside of no_grad: it may be trained now
        with torch.no_grad(), blaming(f"method {self.predictor.name}, predict"):
            made: Tensor = predictor.predict(to_device(np.array(part), self.data.device))
        return made


def _parts(images: np.ndarray) -> list[np.ndarray]:
    return [images[at : at + CHUNK] for at in range(0, len(images), CHUNK)]
