"""The contract of a metric: what it may read, and what a score records."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from ganzoo.batch import DataSpec, Kind
from ganzoo.dataset import Domain
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.task import Task

DomainName = Literal["source", "source_test", "target", "target_test"]


@dataclass(frozen=True)
class Bin:
    """The value of a score on the images for which another quantity lies in [low, high)."""

    low: float
    high: float
    value: float
    count: int  # of images


@dataclass(frozen=True)
class Score:
    """One number with its context. Scores with different cards are never ranked together."""

    name: str  # says exactly what it is: "fid[gaze]", "gaze_error_deg"
    value: float | None  # None: could not be measured, for `reason`
    subject: str = "method"  # or the baseline that it is compared with: "source-only", "constant"
    unit: str = ""
    better: Literal["lower", "higher", ""] = ""
    low: float | None = None  # 95 % interval
    high: float | None = None
    reason: str = ""
    warning: str = ""
    headline: bool = True  # shown in the final table; the others are only in metrics.json
    card: Mapping[str, Any] = field(default_factory=dict)  # extractor and hash, resizer, counts, seeds, versions
    profiles: Mapping[str, Sequence[Bin]] = field(default_factory=dict)  # as a function of, say, "true yaw (deg)"

    def to_json(self) -> dict[str, Any]:
        """The score as metrics.json holds it. A value in the card that JSON does not know becomes text."""
        return {**asdict(self), "card": json.loads(json.dumps(self.card, default=str))}

    @classmethod
    def from_json(cls, document: object) -> Score:
        """The inverse of `to_json`.

        Keys with a default may be absent, and unknown keys are ignored. Raises ValueError for anything else, such as a
        number in quotes.
        """
        try:
            return _score_reader().validate_json(json.dumps(document), strict=True)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(map(str, ("score", *problem["loc"])))
            raise ValueError(f"{place}: {problem['msg']}") from None
        except (TypeError, RecursionError) as error:
            raise ValueError(f"score: expected plain JSON values, not this: {error}") from None


@cache
def _score_reader() -> TypeAdapter[Score]:
    """Reads a score with its bins, as the fields of the dataclasses declare them."""
    return TypeAdapter(Score)


class Extractor(ABC):
    """A named network that turns images into features.

    The constructor loads or trains it. If it cannot, it raises MetricUnavailableError and says how to get it.
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    @abstractmethod
    def __init__(self, data: Extraction) -> None: ...

    @classmethod
    def status(cls) -> str:
        """What `ganzoo doctor` shows for it: where its weights are, or how to get them. Loads and fetches nothing."""
        return "needs no download"

    @property
    @abstractmethod
    def card(self) -> Mapping[str, Any]:
        """Its weights' hash, its resizer, its feature size, versions: goes into every score's card."""

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Features float32 [N, D] of uint8 images [N, C, H, W] on the evaluation's device."""


class Extraction(Protocol):
    """What an extractor may read: data and networks, but no method.

    Features and fitted networks are computed once and shared by all metrics.
    """

    spec: DataSpec
    device: torch.device
    seed: int
    samples: int  # maximum number of images for a distance between distributions
    most_fit_steps: int | None  # maximum number of steps of `fit`, if a shorter evaluation was requested

    def domain(self, name: DomainName) -> Domain:
        """A domain of the dataset, labels included. Raises MetricUnavailableError if it is absent."""
        ...

    def extractor(self, name: str) -> Extractor:
        """A named extractor, created once. Raises MetricUnavailableError if it is not available."""
        ...

    def features(self, extractor: str, images: Domain, *, keep: bool = False) -> np.ndarray:
        """Features float64 [N, D] of a domain's images by a named extractor, computed once.

        `keep` is for images that later evaluations will reuse, such as a reference: their features are cached on
        disk by the content of the images and the card of the extractor, if that names its `weights_sha256`.
        """
        ...

    def fit(self, network: Method, source: Domain, *, steps: int, batch_size: int, seed: int) -> Method:
        """Train `network` on a labelled domain with the one loop; the result is cached on disk by content."""
        ...


class Evaluation(Extraction, Protocol):
    """What a metric may read. Outputs of the method are computed once and shared by all metrics."""

    method: Method  # in eval mode, frozen

    def sampled(self, name: DomainName) -> Domain:
        """The rows of a domain that the method processes: all, or at most `Method.evaluated_images`."""
        ...

    def dataset_card(self) -> Mapping[str, Any]:
        """`Dataset.card()`, with facts such as the centres of its modes."""
        ...

    def applied(self, capability: str, name: DomainName = "target", *, count: int | None = None) -> Domain:
        """The outputs of a named capability of the method for `sampled(name)`, row by row.

        Its samples are images (uint8), or vectors (float32) such as predictions and codes. Labels, groups and further
        columns are those of the rows. A capability without inputs, such as generate, returns `count` rows, or
        `samples` if no count is given.

        Raises MetricUnavailableError if the method does not have the capability or the data lack an input of it.
        """
        ...

    def refined(self, name: Literal["source", "source_test"]) -> Domain:
        """`applied("refine", name)`."""
        ...

    def made(self, count: int | None = None) -> Domain:
        """At most `count` (default: `samples`) images that the method produces to look like the target."""
        ...


class MakesSamples(Protocol):
    """In `Metric.needs`: any capability whose samples should look like the target. See `made`."""


@runtime_checkable
class Compares(Protocol):
    """A metric that can also compare two collections of images without any method (`ganzoo evaluate --real --fake`).

    Its Config has a field `extractors`.
    """

    def compare(self, data: Extraction, real: Domain, made: Mapping[str, Domain], origin: str) -> Sequence[Score]:
        """The scores of each subject's images against `real`, which are of the domain `origin`.

        `data` has only the domain `source`, and only if labelled images were given.
        """
        ...


@runtime_checkable
class ScoresPredictions(Protocol):
    """A metric of predictions for the target: the method's own, or those of a network trained on what it makes.

    It makes ensembles of runs measurable, and lets criteria (`ganzoo.criterion`) read a refiner by the network that
    learned from its images.
    """

    def predictor(self, data: Evaluation) -> Method:
        """The network that predicts: `data.method`, or one that was fitted. It has the capability `predict`."""
        ...

    def scores_of(self, data: Evaluation, prediction: Tensor) -> Sequence[Score]:
        """The scores of predictions [N, task.label_size] for `data.domain("target_test")`, as those of the method."""
        ...


def share_interval(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927): it stays within [0, 1] and is valid at 0 and 1."""
    z, share = 1.959964, right / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low = 0.0 if right == 0 else float(middle - half)  # rounding could exceed the proportion
    high = 1.0 if right == count else float(middle + half)
    return low, high


def mean_interval(values: np.ndarray, groups: np.ndarray | None = None) -> tuple[float, float] | None:
    """The normal 95 % interval of the mean of one value for each image; None for a single value.

    Images of one person are not independent: with the persons in `groups`, if there are several, the standard error is
    the cluster-robust one (Liang and Zeger 1986).
    """
    units = np.arange(len(values))
    if groups is not None and len(np.unique(groups)) > 1:
        units = np.unique(groups, return_inverse=True)[1]
    sums = np.bincount(units, weights=values - values.mean())
    if len(sums) < 2:
        return None
    half = 1.959964 * np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(values)
    return float(values.mean() - half), float(values.mean() + half)


class Metric(ABC):
    """Measures a trained method."""

    name: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[tuple[type, ...]]
    """Protocols of capabilities, or `MakesSamples`: it applies to a method that has any of them."""
    kinds: ClassVar[tuple[Kind, ...]] = ("image",)  # of samples that it can measure
    tasks: ClassVar[tuple[type[Task], ...]] = ()  # tasks that it applies to; empty: all
    by_default: ClassVar[bool] = True  # False: measured only if it is named
    Config: ClassVar[type[Settings]]

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def measure(self, data: Evaluation) -> Sequence[Score]:
        """The scores of `data.method`, and of the baselines to compare them with.

        Raises MetricUnavailableError if it cannot be measured.
        """
