"""Measures a trained method: computes samples, features and fitted networks once, and shares them between metrics."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo import __version__
from ganzoo.batch import DataSpec
from ganzoo.cache import cache_folder, keep_array, kept_array
from ganzoo.capabilities.base import Argument, Capability, all_of
from ganzoo.dataset import Dataset, Domain, column_of
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.fitted_networks import code_of_class, fitted_network
from ganzoo.evaluation.measuring import measure_all
from ganzoo.method import Method
from ganzoo.metric import DomainName, Extractor, MakesSamples, Metric, Score
from ganzoo.pixels import to_uint8, to_unit_range
from ganzoo.settings import Settings
from ganzoo.training.config import Precision, TrainConfig
from ganzoo.training.devices import device_of
from ganzoo.training.loader import derive_seed, reseed
from ganzoo.training.observer import TrainingObserver

CHUNK = 256  # images that go through a network at once


class EvaluateConfig(Settings):
    """Settings of every evaluation."""

    metrics: tuple[str, ...] = Field(
        (), description='Metrics to measure; not given: all that apply, except those on request; "none": none.'
    )
    samples: int = Field(2_048, ge=2, description="Maximum number of images for distances between distributions.")


class EvaluationObserver:
    """Receives the events of an evaluation."""

    def fitting(self, what: str, steps: int) -> TrainingObserver:
        """A network will be trained for this number of steps; the loop reports to the returned observer."""
        return TrainingObserver()

    def doing(self, what: str) -> None:
        """The next task, in words."""

    def measured(self, scores: Sequence[Score]) -> None:
        """All scores, before anything is done with them."""


class SharedExtraction(ABC):
    """The `ganzoo.metric.Extraction` that evaluations share, with extractors, features and fitted networks cached."""

    def __init__(
        self,
        spec: DataSpec,
        device: torch.device,
        *,
        seed: int,
        samples: int,
        extractors: Mapping[str, type[Extractor]],
        precision: Precision = "auto",
        watcher: EvaluationObserver | None = None,
        most_fit_steps: int | None = None,
    ) -> None:
        self.spec, self.device = spec, device
        self.seed, self.samples, self.precision, self.most_fit_steps = seed, samples, precision, most_fit_steps
        self.watcher = watcher or EvaluationObserver()
        self._extractor_classes = extractors
        self._extractors: dict[str, Extractor | MetricUnavailableError] = {}
        self._features: dict[tuple[str, str], np.ndarray] = {}

    @abstractmethod
    def domain(self, name: DomainName) -> Domain: ...

    def extractor(self, name: str) -> Extractor:
        if name not in self._extractors:
            try:
                if name not in self._extractor_classes:
                    known = ", ".join(self._extractor_classes) or "none"
                    raise MetricUnavailableError(f"there is no extractor {name!r}; installed: {known}")
                self._extractors[name] = self._extractor_classes[name](self)
            except MetricUnavailableError as error:
                self._extractors[name] = error
        found = self._extractors[name]
        if isinstance(found, MetricUnavailableError):
            raise found
        return found

    def features(self, extractor: str, images: Domain, *, keep: bool = False) -> np.ndarray:
        network = self.extractor(extractor)
        fingerprint = images.unlabelled().fingerprint()
        key = (extractor, fingerprint)
        if key not in self._features:
            file = self._features_file(network, fingerprint) if keep and "weights_sha256" in network.card else None
            found = None if file is None else kept_array(file)
            if found is None or len(found) != len(images):
                self.watcher.doing(f"{extractor} features of {len(images)} {images.name} images")
                found = self._extracted(network, images)
                if file is not None:
                    keep_array(file, found)
            self._features[key] = found.astype(np.float64)
        return self._features[key]

    def _extracted(self, network: Extractor, images: Domain) -> np.ndarray:
        with torch.no_grad():
            chunks = [
                network.features(torch.tensor(images.images[start : start + CHUNK], device=self.device)).cpu()
                for start in range(0, len(images), CHUNK)
            ]
        return torch.cat(chunks).float().numpy()

    def _features_file(self, network: Extractor, fingerprint: str) -> Path:
        facts = (
            type(network).__qualname__,
            code_of_class(type(network)),
            json.dumps(network.card, sort_keys=True, default=str),
            fingerprint,
            self.device.type,
            torch.get_num_threads(),
            torch.__version__,
            __version__,
        )
        return cache_folder("features") / f"{hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()}.npy"

    def fit(self, network: Method, source: Domain, *, steps: int, batch_size: int, seed: int) -> Method:
        config = TrainConfig(
            steps=steps, batch_size=batch_size, seed=seed, device=str(self.device), precision=self.precision
        )
        what = f"{network.name} on {len(source):,} {source.name} images"
        return fitted_network(network, source, config, self.device, lambda: self.watcher.fitting(what, steps))


class TrainedEvaluation(SharedExtraction):
    """The `ganzoo.metric.Evaluation` of one trained method on one dataset."""

    def __init__(
        self,
        method: Method,
        dataset: Dataset,
        *,
        seed: int,
        samples: int,
        extractors: Mapping[str, type[Extractor]],
        precision: Precision = "auto",
        capabilities: Mapping[str, type[Capability]],
        device: torch.device | None = None,
        watcher: EvaluationObserver | None = None,
    ) -> None:
        self.method = method.eval().requires_grad_(False)
        self.dataset = dataset
        super().__init__(
            dataset.spec(),
            device or device_of(method),
            seed=seed,
            samples=samples,
            extractors=extractors,
            precision=precision,
            watcher=watcher,
        )
        self.capabilities = all_of(capabilities, self.method)
        self._domains: dict[str, Domain] = {}

    def domain(self, name: DomainName) -> Domain:
        if name not in self._domains:
            found: Domain | None = getattr(self.dataset, name)()
            if found is None:
                raise MetricUnavailableError(f"the dataset {self.dataset.name} has no {name.replace('_', ' ')} images")
            self._domains[name] = found
        return self._domains[name]

    def sampled(self, name: DomainName) -> Domain:
        afford = self.method.evaluated_images
        return self.domain(name).spread(afford) if afford else self.domain(name)

    def dataset_card(self) -> Mapping[str, Any]:
        return self.dataset.card()

    def applied(self, capability: str, name: DomainName = "target", *, count: int | None = None) -> Domain:
        able = self._capability(capability)
        count = count or self.samples
        key = f"{capability} {name}" if able.arguments else f"{capability} {count}"
        if key not in self._domains:
            self.watcher.doing(f"{capability}: {name.replace('_', ' ')} images" if able.arguments else capability)
            rows = self.sampled(name) if able.arguments else None
            made = self._made(able, rows, key, count)
            self._domains[key] = Domain(capability, made) if rows is None else replace(rows, name=key, samples=made)
        return self._domains[key]

    def _capability(self, name: str) -> Capability:
        if name not in self.capabilities:
            raise MetricUnavailableError(f"{self.method.name} does not {name}")
        return self.capabilities[name]

    def refined(self, name: Literal["source", "source_test"]) -> Domain:
        return self.applied("refine", name)

    def made(self, count: int | None = None) -> Domain:
        able = [capability for capability in self.capabilities.values() if capability.realism is not None]
        if not able:
            raise MetricUnavailableError(f"{self.method.name} makes no samples that should look like the target")
        best = min(able, key=lambda capability: capability.realism or 0)
        side: DomainName = "source" if "source" in self.spec.columns else "target"
        return self.applied(best.name, side, count=count).spread(count or self.samples)

    def _made(self, able: Capability, rows: Domain | None, key: str, count: int) -> np.ndarray:
        """The method's outputs for the rows, or `count` samples without rows; noise is a function of the chunk."""
        count = count if rows is None else len(rows)
        inputs = [] if rows is None else [_input(able, rows, argument) for argument in able.arguments]
        wanted = able.output(self.method)
        if rows is None:
            reseed(self.device, self.seed, "generated")
        made = []
        with torch.no_grad():
            for start in range(0, count, CHUNK):
                part = slice(start, min(start + CHUNK, count))
                if rows is not None:
                    reseed(self.device, derive_seed(self.seed, key, start))
                chunk = able.run(
                    self.method, part.stop - start, [to_device(each[part], self.device) for each in inputs]
                )
                made.append((to_uint8(chunk) if wanted.kind == "image" else chunk.float()).cpu().numpy())
        return np.concatenate(made)


def _input(able: Capability, rows: Domain, argument: Argument) -> np.ndarray:
    columns = rows.columns()
    if argument.column not in columns:
        raise MetricUnavailableError(f"{able.name} needs {argument.meaning}, but {rows.name} has none")
    return columns[argument.column]


def to_device(rows: np.ndarray, device: torch.device) -> Tensor:
    """Rows of a column as a method receives them: images in [-1, 1], all else float32."""
    moved = torch.tensor(rows, device=device)
    return to_unit_range(moved) if column_of(rows).kind == "image" else moved.float()


def evaluate(data: TrainedEvaluation, metrics: Sequence[Metric]) -> tuple[list[Score], dict[str, float]]:
    """The scores of all metrics that apply to the method, and the seconds that each took.

    A metric that cannot be measured gives one score without a value, with the reason.
    """
    chosen = [metric for metric in metrics if applies(metric, data)]
    return measure_all(chosen, lambda metric: metric.measure(data), data.watcher.doing)


def applies(metric: Metric, data: TrainedEvaluation) -> bool:
    """Whether a metric can measure such a method on such data."""
    realistic = MakesSamples in metric.needs and any(each.realism is not None for each in data.capabilities.values())
    able = realistic or any(isinstance(data.method, need) for need in metric.needs if need is not MakesSamples)
    tasks_fit = not metric.tasks or isinstance(data.spec.task, metric.tasks)
    return able and tasks_fit and data.spec.sample.kind in metric.kinds


def settings_hash(tables: Mapping[str, Any]) -> str:
    """A short hash of a set of settings."""
    return hashlib.blake2b(json.dumps(tables, sort_keys=True).encode(), digest_size=4).hexdigest()
