"""`two-sample-test`: can a classifier tell generated images from real ones (Lopez-Paz and Oquab 2017)?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest
from torch import nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score
from ganzoo.settings import Settings

ganzoo_contract = 2
SEED = 0  # of the halves and of the network: the same for every run
FEWEST = 10  # images of a kind in each half
BLOCK = 512  # rows of distances at once
HIDDEN, EPOCHS, BATCH = 20, 100, 64  # of the network: section 5 has 20 ReLU units and 100 epochs of Adam

PLAIN = ("pixels", "numbers")  # features that need no extractor
Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # features, labels -1 or 1, new ones -> scores


class TwoSampleConfig(Settings):
    features: tuple[str, ...] = Field(
        ("pixels", "gaze"), description="What the classifier sees: pixels, or a feature extractor; each gives a score."
    )
    classifier: Literal["linear", "knn", "network"] = Field(
        "network", description="Ridge regression, nearest neighbours, or a network with one hidden layer."
    )
    near: float = Field(
        12.0, ge=0, description="Real images whose root mean square difference is below this many grey levels of 255 "
        "stay in one half."
    )  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Correct answers of a classifier on held-out samples, of which half belong to each set."""

    right: int
    held_out: int
    trained_on: int

    @property
    def accuracy(self) -> float:
        return self.right / self.held_out

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of Clopper and Pearson (1934)."""
        found = binomtest(self.right, self.held_out).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    @property
    def p_value(self) -> float:
        """The probability of as many correct answers by guessing: exact, one-sided."""
        return float(binomtest(self.right, self.held_out, 0.5, alternative="greater").pvalue)


class TwoSampleTest(Metric):
    """The accuracy of a classifier that is trained to tell generated from real images on one half of both, and measured
    on the other half: .5 if it cannot.

    People and near-duplicates among real images are in one half only, so that recognising them does not help. The null
    baseline `real` puts real images at random into two sets: about .5 by construction. Of points and other vectors the
    classifier sees the numbers.
    """

    name = "two-sample-test"
    summary = "Held-out accuracy of a classifier between generated and real images: .5 if they cannot be told apart."
    needs = (MakesSamples,)
    by_default = False
    kinds: ClassVar[tuple[Kind, ...]] = ("image", "vector")
    Config = TwoSampleConfig

    def measure(self, data: Evaluation) -> Sequence[Score]:
        try:
            origin, real = "target_test", data.domain("target_test")
        except MetricUnavailableError:
            origin, real = "target", data.domain("target")
        real, made = real.spread(data.samples), {"method": data.made()}
        of_images = real.samples.dtype == np.uint8
        units = independent_units(real.samples, real.groups, self.config.near if of_images else 0)
        scores = []
        for features in self.config.features if of_images else ("numbers",):
            try:
                scores += self._scores(data, features, made, real, units, origin)
            except MetricUnavailableError as error:
                scores.append(Score(f"two_sample_accuracy[{features}]", None, better="lower", reason=str(error)))
        return scores

    def _scores(
        self, data: Evaluation, features: str, made: Mapping[str, Domain], real: Domain, units: np.ndarray, origin: str
    ) -> list[Score]:
        card: dict[str, Any] = {
            "classifier": self.config.classifier,
            "features": {"name": features, **({} if features in PLAIN else data.extractor(features).card)},
            "near_duplicates_below": self.config.near,
            "reference": origin,
            "seed": SEED,
            "interval": "95 % Clopper-Pearson over held-out images, as if they were independent",
        }
        of_real = _features(data, features, real)
        chooses = CLASSIFIERS[self.config.classifier]
        results = {"real": null_test(of_real, units, chooses)}
        for subject, images in made.items():
            own = independent_units(images.samples, images.groups, 0)
            results[subject] = two_sample_test(_features(data, features, images), of_real, own, units, chooses)
        return [score for subject, result in results.items() for score in _of_result(subject, features, result, card)]


def _features(data: Evaluation, name: str, images: Domain) -> np.ndarray:
    """Features float64 [N, D]; pixels in [0, 1]."""
    if name not in PLAIN:
        return data.features(name, images)
    return images.samples.reshape(len(images), -1) / (255.0 if name == "pixels" else 1.0)


def _of_result(subject: str, features: str, result: Result, card: Mapping[str, Any]) -> list[Score]:
    counted = {**card, "trained_on": result.trained_on, "held_out": result.held_out}
    low, high = result.interval
    return [
        Score(f"two_sample_accuracy[{features}]", result.accuracy, subject, better="lower", low=low, high=high,
              card=counted),
        Score(f"two_sample_p[{features}]", result.p_value, subject, better="higher", headline=False, card=counted),
    ]  # fmt: skip


def independent_units(images: np.ndarray, groups: np.ndarray | None, near: float) -> np.ndarray:
    """A number for each of uint8 images [N, C, H, W] or vectors [N, ...], the same for those that must be in one half.

    These are the images of one person, if there are several people, and chains of near-duplicates.
    """
    count = len(images)
    first, second = [np.arange(0)], [np.arange(0)]
    if groups is not None and len(np.unique(groups)) > 1:
        _, heads, inverse = np.unique(groups, return_index=True, return_inverse=True)
        first, second = [*first, np.arange(count)], [*second, heads[inverse]]
    if near:
        pixels = images.reshape(count, -1).astype(np.float32)
        square = (pixels**2).sum(1)
        for start in range(0, count, BLOCK):
            part = slice(start, start + BLOCK)
            distance = square[part, None] + square - 2 * pixels[part] @ pixels.T
            a, b = np.nonzero(distance < near**2 * pixels.shape[1])
            first, second = [*first, a + start], [*second, b]
    rows, columns = np.concatenate(first), np.concatenate(second)
    graph = csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    units: np.ndarray = connected_components(graph, directed=False)[1]
    return units


def halves(units: np.ndarray, noise: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two halves of a set, about equal, in random order; no unit [N] is in both.

    Raises MetricUnavailableError if one unit is so large that a half has fewer than ten rows.
    """
    order = noise.permutation(units.max() + 1)
    sizes = np.bincount(units)[order]
    first = order[np.cumsum(sizes) - sizes / 2 <= len(units) / 2]
    inside = np.isin(units, first)
    found = tuple(noise.permutation(np.flatnonzero(part)) for part in (inside, ~inside))
    if min(map(len, found)) < FEWEST:
        raise MetricUnavailableError(
            f"it needs {FEWEST} images of each kind in each half at least, and people and near-duplicates in one half"
        )
    return found[0], found[1]


def two_sample_test(
    made: np.ndarray, real: np.ndarray, made_units: np.ndarray, real_units: np.ndarray, classifier: Classifier
) -> Result:
    """The test of features [N, D] against features [M, D]. Both kinds are equally frequent in each half."""
    noise = np.random.default_rng(SEED)
    parts = zip(halves(made_units, noise), halves(real_units, noise), strict=True)
    train, test = ((made[a[: min(len(a), len(b))]], real[b[: min(len(a), len(b))]]) for a, b in parts)
    return _result(train, test, classifier)


def null_test(real: np.ndarray, units: np.ndarray, classifier: Classifier) -> Result:
    """The same of real features [N, D] with kinds at random."""
    kinds = [(part[0::2][: len(part) // 2], part[1::2]) for part in halves(units, np.random.default_rng(SEED))]
    train, test = ((real[a], real[b]) for a, b in kinds)
    return _result(train, test, classifier)


def _result(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], classifier: Classifier
) -> Result:
    """Pairs of equally many features of both sets."""
    inputs, new = np.concatenate(train), np.concatenate(test)
    mean, deviation = inputs.mean(0), np.maximum(inputs.std(0), 1e-6)
    labels = np.repeat([1.0, -1.0], len(train[0]))
    scores = classifier((inputs - mean) / deviation, labels, (new - mean) / deviation)
    right = (scores > 0) == (np.repeat([1.0, -1.0], len(test[0])) > 0)
    return Result(int(right.sum()), len(new), len(inputs))


def linear(inputs: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Ridge regression on the labels, in its dual form: the kernel x . y / D with a penalty of 1."""
    size = inputs.shape[1]
    weights = np.linalg.solve(inputs @ inputs.T / size + np.eye(len(inputs)), labels)
    scores: np.ndarray = new @ (inputs.T @ weights) / size
    return scores


def nearest_neighbours(inputs: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The vote of the k nearest, k the root of their number (section 5), made odd so that there are no ties."""
    k = int(len(inputs) ** 0.5)
    k -= 1 - k % 2
    square = (inputs**2).sum(1)
    votes = []
    for start in range(0, len(new), BLOCK):
        distance = square - 2 * new[start : start + BLOCK] @ inputs.T
        votes.append(labels[np.argpartition(distance, k - 1, axis=1)[:, :k]].sum(1))
    return np.concatenate(votes)


def network(inputs: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """One hidden layer of 20 ReLU units, 100 epochs of Adam (section 5). Random states stay as they are."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(SEED)
        x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)
        layers = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        optimizer = torch.optim.Adam(layers.parameters())
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimizer.zero_grad()
                F.softplus(-y[rows] * layers(x[rows])[:, 0]).mean().backward()
                optimizer.step()
        with torch.no_grad():
            scores: np.ndarray = layers(torch.tensor(new, dtype=torch.float32))[:, 0].numpy()
    return scores


CLASSIFIERS: Mapping[str, Classifier] = {"linear": linear, "knn": nearest_neighbours, "network": network}


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [TwoSampleTest]
