"""`two-sample-test`: can a classifier tell generated images from real ones (Lopez-Paz and Oquab 2017)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ganzoo import hookimpl
from ganzoo.batch import Kind
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.metric import Evaluation, MakesSamples, Metric, Score
from ganzoo.nn.two_sample import CLASSIFIERS, Classifier, halves, independent_units, judge
from ganzoo.settings import Settings

ganzoo_contract = 2
SEED = 0  # of the halves: the same for every run

PLAIN = ("pixels", "numbers")  # features that need no extractor


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
        from scipy.stats import binomtest  # here, because it takes a second and every command imports this module

        found = binomtest(self.right, self.held_out).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    @property
    def p_value(self) -> float:
        """The probability of as many correct answers by guessing: exact, one-sided."""
        from scipy.stats import binomtest

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
    new = np.concatenate(test)
    scores = judge(*train, new, classifier)
    right = (scores > 0) == (np.repeat([1.0, -1.0], len(test[0])) > 0)
    return Result(int(right.sum()), len(new), len(train[0]) + len(train[1]))


@hookimpl
def ganzoo_metrics() -> Sequence[type[Metric]]:
    return [TwoSampleTest]
