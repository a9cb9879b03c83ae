"""Measures a trained method: makes samples, features and fitted networks once, and shares them between metrics."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo import __version__
from ganzoo.batch import DataSpec
from ganzoo.blame import blaming
from ganzoo.cache import cache_folder, keep_array, kept_array
from ganzoo.dataset import Dataset, Domain
from ganzoo.errors import DivergenceError, MetricUnavailableError, PluginError
from ganzoo.fitted_networks import code_of_class, fitted_network
from ganzoo.loader import derive_seed, reseed, to_uint8, to_unit_range
from ganzoo.loop import Observer, Precision, TrainConfig, device_of
from ganzoo.method import Generates, Method, Refines
from ganzoo.metric import DomainName, Extractor, Metric, Score
from ganzoo.settings import Settings

CHUNK = 256  # images that go through a network at once


class EvaluateConfig(Settings):
    """Settings of every evaluation."""

    metrics: tuple[str, ...] = Field(
        (), description='Metrics to measure; not given: all that apply, save those on request; "none": none.'
    )
    samples: int = Field(2_048, ge=2, description="Most images that distances between distributions are measured on.")


class Watcher:
    """What an evaluation tells the outside."""

    def fitting(self, what: str, steps: int) -> Observer:
        """A network is to be trained for so many steps; the loop tells the observer returned here."""
        return Observer()

    def doing(self, what: str) -> None:
        """The next piece of work, in words."""


class SharedExtraction(ABC):
    """The `ganzoo.metric.Extraction` that evaluations share: extractors, features and fitted networks, made once."""

    def __init__(
        self,
        spec: DataSpec,
        device: torch.device,
        *,
        seed: int,
        samples: int,
        extractors: Mapping[str, type[Extractor]],
        precision: Precision = "auto",
        watcher: Watcher | None = None,
        most_fit_steps: int | None = None,
    ) -> None:
        self.spec, self.device = spec, device
        self.seed, self.samples, self.precision, self.most_fit_steps = seed, samples, precision, most_fit_steps
        self.watcher = watcher or Watcher()
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
        device: torch.device | None = None,
        watcher: Watcher | None = None,
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
        self._domains: dict[str, Domain] = {}

    def domain(self, name: DomainName) -> Domain:
        if name not in self._domains:
            found: Domain | None = getattr(self.dataset, name)()
            if found is None:
                raise MetricUnavailableError(f"the dataset {self.dataset.name} has no {name.replace('_', ' ')} images")
            self._domains[name] = found
        return self._domains[name]

    def refined(self, name: Literal["source", "source_test"]) -> Domain:
        if not isinstance(self.method, Refines):
            raise MetricUnavailableError(f"{self.method.name} does not refine images")
        key = f"refined {name}"
        if key not in self._domains:
            self.watcher.doing(f"refining the {name.replace('_', ' ')} images")
            original = self.domain(name)
            images = self._in_chunks(original.images, self.method.refine, key)
            self._domains[key] = Domain(key, images, original.labels, original.groups, original.extra)
        return self._domains[key]

    def made(self) -> Domain:
        if isinstance(self.method, Refines):
            return self.refined("source").spread(self.samples)
        if not isinstance(self.method, Generates):
            raise MetricUnavailableError(f"{self.method.name} makes no images")
        return self._generated

    @cached_property
    def _generated(self) -> Domain:
        assert isinstance(self.method, Generates)
        self.watcher.doing(f"generating {self.samples} images")
        reseed(self.device, self.seed, "generated")
        counts = [min(CHUNK, self.samples - start) for start in range(0, self.samples, CHUNK)]
        with torch.no_grad():
            images = [to_uint8(self.method.generate(count)).cpu().numpy() for count in counts]
        return Domain("generated", np.concatenate(images))

    def _in_chunks(self, images: np.ndarray, run: Callable[[Tensor], Tensor], key: str) -> np.ndarray:
        """`run` over uint8 images, in [-1, 1] and back; the noise it draws is a function of the chunk."""
        made = np.empty(images.shape, np.uint8)
        with torch.no_grad():
            for start in range(0, len(images), CHUNK):
                reseed(self.device, derive_seed(self.seed, key, start))
                chunk = to_unit_range(torch.tensor(images[start : start + CHUNK], device=self.device))
                refined = run(chunk)
                if refined.shape != chunk.shape:
                    raise PluginError(f"method {self.method.name}: refine made {list(refined.shape)} of images "
                                      f"{list(chunk.shape)}; the shape must stay")  # fmt: skip
                made[start : start + CHUNK] = to_uint8(refined).cpu().numpy()
        return made


def evaluate(data: TrainedEvaluation, metrics: Sequence[Metric]) -> tuple[list[Score], dict[str, float]]:
    """The scores of all metrics that apply to the method, and the seconds that each took.

    A metric that cannot be measured leaves one score without a value, with the reason.
    """
    scores: list[Score] = []
    seconds: dict[str, float] = {}
    for metric in metrics:
        if not any(isinstance(data.method, capability) for capability in metric.needs):
            continue
        if metric.tasks and not isinstance(data.spec.task, metric.tasks):
            continue
        data.watcher.doing(f"measuring {metric.name}")
        start = time.perf_counter()
        try:
            with blaming(f"metric {metric.name}"):
                scores.extend(_checked(metric.measure(data)))
        except (MetricUnavailableError, DivergenceError, PluginError) as error:  # the other metrics are measured
            scores.append(Score(metric.name, None, reason=str(error)))
        seconds[metric.name] = round(time.perf_counter() - start, 3)
    return scores, seconds


def _checked(scores: Sequence[Score]) -> list[Score]:
    """Raise PluginError where a metric returned anything but scores."""
    found = list(scores)
    for score in found:
        if not isinstance(score, Score) or not (score.value is None or isinstance(score.value, float | int)):
            raise PluginError(f"it must return scores whose values are numbers, not {score!r:.200}")
    return found


def settings_hash(tables: Mapping[str, Any]) -> str:
    """A short name for a set of settings."""
    return hashlib.blake2b(json.dumps(tables, sort_keys=True).encode(), digest_size=4).hexdigest()
