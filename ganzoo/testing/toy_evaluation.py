"""What metrics are checked with: a tiny dataset, and one tiny method for each capability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.batch import DataSpec, image_spec
from ganzoo.capabilities import Generates, GeneratesLabelled, Predicts, Refines
from ganzoo.dataset import Dataset, Domain
from ganzoo.evaluation import TrainedEvaluation
from ganzoo.method import Method, Phase
from ganzoo.metric import Extraction, Extractor
from ganzoo.registry import registry
from ganzoo.settings import Settings
from ganzoo.task import Task
from ganzoo.testing import toy

COUNT = 48


class NoSettings(Settings):
    """There is nothing to set."""


class ToyPixels(Extractor):
    """Every fourth pixel, as it is: the extractor `toy-pixels`, for metrics whose own need weights that are absent."""

    name = "toy-pixels"
    summary = "Every fourth row and column of pixels."
    card: ClassVar[Mapping[str, Any]] = {"extractor": "toy-pixels"}

    def __init__(self, data: Extraction) -> None:
        pass

    def features(self, images: Tensor) -> Tensor:
        return images[:, :, ::4, ::4].float().flatten(1)


class _Toy(Method):
    """Nothing is learnt."""

    name, summary, paper, Config = "toy", "Does nothing.", "", NoSettings
    scale: Tensor

    def __init__(self, config: NoSettings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("scale", torch.empty(()).uniform_(0.7, 0.9))
        self.network = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(spec.image_shape)), spec.task.output_size))

    def phases(self) -> Mapping[str, Phase]:
        return {}


class ToyRefiner(_Toy):
    def refine(self, source: Tensor) -> Tensor:
        return source * self.scale


class ToyGenerator(_Toy):
    def generate(self, count: int) -> Tensor:
        return torch.rand(count, *self.spec.image_shape, device=self.scale.device) * 2 * self.scale - self.scale


class ToyLabelledGenerator(_Toy):
    def generate_labelled(self, labels: Tensor) -> Tensor:
        return labels[:, :1, None, None].tanh().expand(len(labels), *self.spec.image_shape) * self.scale


class ToyPredictor(_Toy):
    def predict(self, images: Tensor) -> Tensor:
        return self.spec.task.decode(self.network(images))


TOYS: dict[type, type[Method]] = {
    Refines: ToyRefiner,
    Generates: ToyGenerator,
    GeneratesLabelled: ToyLabelledGenerator,
    Predicts: ToyPredictor,
}


class ToyData(Dataset):
    """The toy domains, with held-out parts and four persons in each; without tests where `tests` is False."""

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

    def _domain(self, seed: int, which: int) -> Domain:
        made = toy.domains(self._spec, self.count, seed)[which]
        groups = np.arange(len(made), dtype=np.int64) % 4 + 4 * seed
        return Domain(("source", "target")[which] + ("_test" if seed else ""), made.images, made.labels, groups)


def evaluation(can: type, task: Task, count: int = COUNT, *, tests: bool = True, seed: int = 0) -> TrainedEvaluation:
    """What a metric may look at, of a toy method that can `can` and nothing else; `seed` is that of its run."""
    spec = image_spec(1, 36, 60, task)  # of an eye, which is the least that networks of metrics are made for
    return TrainedEvaluation(
        toy.build(TOYS[can], spec, seed),
        ToyData(spec, count, tests=tests),
        seed=seed,
        samples=count,
        extractors={**registry().found["extractors"], ToyPixels.name: ToyPixels},
        capabilities=registry().found["capabilities"],
        precision="fp32",
        device=torch.device("cpu"),
    )
