"""Compares two collections of images, for `ganzoo evaluate --real A --fake B`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganzoo.batch import image_spec
from ganzoo.configuration.layers import build_config, did_you_mean
from ganzoo.dataset import Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import DatasetError, MetricUnavailableError, UsageError
from ganzoo.evaluation.evaluate import EvaluationObserver, SharedExtraction
from ganzoo.evaluation.measuring import measure_all
from ganzoo.files.collection import ImageCollection, open_images, read_domain, read_images
from ganzoo.files.fit import Channels, Fit, Resizer, common_shape
from ganzoo.files.location import Location
from ganzoo.metric import Compares, DomainName, Extractor, Metric, Score
from ganzoo.system.environment import environment
from ganzoo.task import GazeTask
from ganzoo.training.devices import resolve_precision

SEED = 0  # of the networks that extractors train


@dataclass(frozen=True)
class Shaping:
    """How all images are converted to one shape; without sizes, that of the real ones."""

    height: int = 0
    width: int = 0
    resizer: Resizer = "none"
    channels: Channels = "as-is"


class Collection:
    """The images that one option names."""

    def __init__(self, option: str, path: Path) -> None:
        self.option, self.location = option, Location.parse(path)
        self.images: ImageCollection = open_images(self.location.path, option)

    def __str__(self) -> str:
        return f"{self.option} {self.location}"

    @cached_property
    def names(self) -> Sequence[str]:
        return [self.images.names[row] for row in self.location.select(len(self.images.names))]

    @cached_property
    def shapes(self) -> Sequence[Any]:
        """Of the chosen images, as they are on disk."""
        return [self.images.shapes[row] for row in self.location.select(len(self.images.names))]

    def read(self, fit: Fit) -> Domain:
        """The images, named after the option. Labels are not read: most extractors need none."""
        return read_images(self.option.removeprefix("--"), self.images, self.location, fit)

    def read_labelled(self, fit: Fit) -> Domain:
        """The images with their labels. Raises DatasetError if they have none, or invalid ones."""
        return read_domain(self.option.removeprefix("--"), self.images, self.location, fit, labelled=True)


class CollectionExtraction(SharedExtraction):
    """The `ganzoo.metric.Extraction` of collections: its only domain is the labelled one, `source`."""

    def __init__(
        self,
        real: Collection,
        fake: Collection,
        source: Collection | None,
        shaping: Shaping,
        *,
        samples: int,
        device: torch.device,
        extractors: Mapping[str, type[Extractor]],
        watcher: EvaluationObserver,
        most_fit_steps: int | None = None,
    ) -> None:
        shape = common_shape(
            real.shapes,
            str(real),
            height=shaping.height,
            width=shaping.width,
            resizer=shaping.resizer,
            channels=shaping.channels,
        )
        height, width, channels = shape
        spec = image_spec(channels, height, width, GazeTask())
        super().__init__(
            spec,
            device,
            seed=SEED,
            samples=samples,
            extractors=extractors,
            watcher=watcher,
            most_fit_steps=most_fit_steps,
        )
        self.fit_rule = Fit(shape, shaping.resizer, shaping.channels)
        for collection in (real, fake):  # before any is read, which may be slow
            self.fit_rule.check(collection.shapes, collection.names, str(collection))
        self.candidates = (fake, real)  # networks learn from the first that is labelled
        self.given = source.read_labelled(self.fit_rule) if source else None
        self.learnt_from: Collection | None = None

    def domain(self, name: DomainName) -> Domain:
        if name != "source":
            raise MetricUnavailableError(f"two collections have no {name.replace('_', ' ')} images")
        return self.given or self._labelled

    @cached_property
    def _labelled(self) -> Domain:
        try:
            for collection in self.candidates:
                if collection.images.columns().labels is not None:
                    self.learnt_from = collection
                    return collection.read_labelled(self.fit_rule)
        except DatasetError as error:
            raise MetricUnavailableError(str(error)) from error
        raise MetricUnavailableError(
            "the extractor learns from labelled images, but neither --fake nor --real has labels; "
            "give labelled images with --source"
        )


@dataclass(frozen=True)
class Compared:
    """The result of a comparison."""

    scores: Sequence[Score]
    facts: Mapping[str, Any]  # of both collections, in JSON's types
    shared: int  # fake images that are real ones, pixel for pixel

    def document(self) -> dict[str, Any]:
        return {**self.facts, "scores": [score.to_json() for score in self.scores]}


def comparing_metrics(names: Sequence[str], extractors: Sequence[str]) -> list[Metric]:
    """The named metrics on these extractors; none named: all that can compare collections, on all extractors.

    Raises UnknownNameError, or UsageError for a metric that needs a method.
    """
    found = registry().found["metrics"]
    able = [name for name, cls in found.items() if issubclass(cls, Compares)]
    for name in names:
        registry().get("metrics", name)
        if name not in able:
            raise UsageError(f"--metrics: {name} measures a method, not images{did_you_mean(name, able)}")
    for extractor in extractors:
        registry().get("extractors", extractor)
    wanted = {"options": {"extractors": tuple(extractors) or tuple(registry().found["extractors"])}}
    return [found[name](build_config(found[name].Config, wanted)) for name in names or able]


def compare(
    real: Collection,
    fake: Collection,
    source: Collection | None,
    shaping: Shaping,
    metrics: Sequence[Metric],
    *,
    samples: int,
    device: torch.device,
    watcher: EvaluationObserver,
    most_fit_steps: int | None = None,
) -> Compared:
    """Measure `fake` against `real`. Extractors that learn from labels do so on `source`, else on `fake`, else `real`.

    They train for at most `most_fit_steps`, if that is given.
    Raises DatasetError if images cannot be read or fitted. What cannot be measured is a score without a value.
    """
    data = CollectionExtraction(
        real,
        fake,
        source,
        shaping,
        samples=samples,
        device=device,
        extractors=registry().found["extractors"],
        watcher=watcher,
        most_fit_steps=most_fit_steps,
    )
    domains = {collection: collection.read(data.fit_rule) for collection in (real, fake)}
    sides = {
        collection.option.removeprefix("--"): _facts(collection, domain, data) for collection, domain in domains.items()
    }
    shared = _shared(domains[real], domains[fake])
    made = {"method": domains[fake].spread(samples)}

    def compared(metric: Metric) -> Sequence[Score]:
        assert isinstance(metric, Compares)
        return metric.compare(data, domains[real].spread(samples), made, "real")

    scores, seconds = measure_all(metrics, compared, watcher.doing)
    learnt_from = source or data.learnt_from
    card = {
        **sides,
        "fake_images_that_are_real_ones": shared,
        "networks_learnt_from": str(learnt_from) if learnt_from else None,
        "seed": SEED,
    }
    facts = {
        **card,
        "evaluation_seconds": seconds,
        "environment": environment(device, resolve_precision(data.precision, device)),
    }
    scores = [replace(score, card={**score.card, **card} if score.card else {}) for score in scores]
    return Compared(scores, facts, shared)


def _facts(collection: Collection, domain: Domain, data: CollectionExtraction) -> dict[str, Any]:
    measured = domain.spread(data.samples)
    return {
        "path": str(collection.location),
        "images": len(domain),
        "images_measured": len(measured),
        "fitted": data.fit_rule.note(collection.shapes),
        "fingerprint": measured.fingerprint(),
    }


def _shared(real: Domain, fake: Domain) -> int:
    known = {hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in real.images}
    return sum(
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() in known for image in fake.images
    )
