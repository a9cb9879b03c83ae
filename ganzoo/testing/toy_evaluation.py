"""Data for checks of metrics: a tiny dataset, and the toy method of each capability."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Capability
from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method, Phase
from ganzoo.metric import Extraction, Extractor
from ganzoo.settings import Settings
from ganzoo.task import Task
from ganzoo.testing import toy, toy_data

COUNT = 48
SAMPLES = {
    "image": Column((1, 36, 60)),
    "vector": Column((2,), "vector"),
}  # of an eye: the minimum size for metrics' networks


class NoSettings(Settings):
    """No settings."""


class ToyPixels(Extractor):
    """Every fourth pixel: the extractor `toy-pixels`, for metrics whose own extractors need absent weights."""

    name = "toy-pixels"
    summary = "Every fourth row and column of pixels."
    card: ClassVar[Mapping[str, Any]] = {"extractor": "toy-pixels"}

    def __init__(self, data: Extraction) -> None:
        pass

    def features(self, images: Tensor) -> Tensor:
        return images[:, :, ::4, ::4].float().flatten(1)


class ToyMethod(Method):
    """Learns nothing, and has no capability by itself."""

    name, summary, paper, Config = "toy", "Does nothing.", "", NoSettings
    kinds = ("image", "vector")
    scale: Tensor

    def __init__(self, config: NoSettings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("scale", torch.empty(()).uniform_(0.7, 0.9))
        numbers, outputs = prod(spec.sample.shape), max(spec.task.output_size, 1)
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(numbers, outputs))

    def phases(self) -> Mapping[str, Phase]:
        return {}


def toy_method(can: type[Capability], spec: DataSpec, seed: int = 0) -> Method:
    """A method that has one capability and no other."""
    name = f"Toy{''.join(word.capitalize() for word in can.name.split('_'))}"
    return toy.build(type(name, (can.toy, ToyMethod), {}), spec, seed)


class ToyData(Dataset):
    """Toy domains with held-out parts and four persons in each; without tests if `tests` is False."""

    name, summary, homepage, license, Config = "toy", "Discs.", "", "Apache-2.0 (generated)", NoSettings

    def __init__(self, spec: DataSpec, count: int = COUNT, *, tests: bool = True) -> None:
        super().__init__(NoSettings())
        self._spec, self.count, self.tests = spec, count, tests

    @property
    def task(self) -> Task:
        return self._spec.task

    def source(self) -> Domain:
        return self._domain(0, 0)

    def source_test(self) -> Domain | None:
        return self._domain(1, 0) if self.tests else None

    def target(self) -> Domain:
        return self._domain(0, 1)

    def target_test(self) -> Domain | None:
        return self._domain(1, 1) if self.tests else None

    def card(self) -> Mapping[str, Any]:
        """Vectors have modes, for metrics that count them."""
        if self._spec.sample.kind != "vector":
            return {}
        return {"mode_centers": [[0.0] * prod(self._spec.sample.shape)], "mode_deviation": 1.0}

    def _domain(self, seed: int, which: int) -> Domain:
        made = toy.domains(self._spec, self.count, seed)[which]
        groups = np.arange(len(made), dtype=np.int64) % 4 + 4 * seed
        name = ("source", "target")[which] + ("_test" if seed else "")
        return Domain(name, made.samples, made.labels, groups, made.extra, tuple(made.extra))


def evaluation(
    can: type[Capability], spec: DataSpec, count: int = COUNT, *, tests: bool = True, seed: int = 0, weights: int = 0
) -> TrainedEvaluation:
    """What a metric may look at, of a toy method that can `can` and nothing else; `seed` is that of its run, and its
    weights follow from `seed + weights`.
    """
    return TrainedEvaluation(
        toy_method(can, spec, seed + weights),
        ToyData(spec, count, tests=tests),
        seed=seed,
        samples=count,
        extractors={**registry().found["extractors"], ToyPixels.name: ToyPixels},
        capabilities=registry().found["capabilities"],
        precision="fp32",
        device=torch.device("cpu"),
    )


def spec_of(can: type[Capability], kind: str, task: Task) -> DataSpec:
    """Toy data of one kind, with all columns that the capability takes."""
    return toy_data.with_columns(SAMPLES[kind], task, can.arguments)
