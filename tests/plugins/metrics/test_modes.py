"""`modes` of stacked digits; of points it is tested with their datasets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from ganzoo_scores.digit_network import DIGITS
from ganzoo_scores.modes import Modes, ModesConfig, coverage_of_digits

from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.task import NoTask

SPEC = DataSpec({"target": Column((3, 28, 28)), "target_digits": Column((3,), "vector")}, NoTask())


def test_all_combinations_in_equal_shares_are_1000_modes_without_divergence():
    every = np.stack(np.meshgrid(*[range(DIGITS)] * 3, indexing="ij"), -1).reshape(-1, 3)
    found = coverage_of_digits(every)
    assert (found.covered, found.near) == (1_000, 1_000)
    assert found.divergence == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("modes", [1, 99, 500])
def test_m_combinations_in_equal_shares_diverge_by_the_logarithm_of_their_part(modes):
    digits = np.stack([np.arange(modes) // 100, np.arange(modes) // 10 % 10, np.arange(modes) % 10], 1)
    found = coverage_of_digits(np.repeat(digits, 3, axis=0))
    assert found.covered == modes
    assert found.divergence == pytest.approx(math.log(1_000 / modes))


def test_the_floor_of_26000_samples_is_a_fiftieth_of_a_nat():
    """(K - 1) / 2n: what independent real digits have, because shares of a sample are never equal."""
    found = coverage_of_digits(np.random.default_rng(0).integers(DIGITS, size=(26_000, 3)))
    assert found.divergence == pytest.approx(999 / 52_000, rel=0.15)


class Stacked:
    """An evaluation whose method makes the training images again, or one image."""

    spec = SPEC
    device = "cpu"

    def __init__(self, *, collapsed=False, column="digits"):
        random = np.random.default_rng(0)
        patterns = random.integers(0, 256, (DIGITS, 28, 28)).astype(np.uint8)
        self.collapsed, self.column = collapsed, column
        self.train, self.test = (self.stacked(patterns, random, 400) for _ in range(2))

    def stacked(self, patterns, random, count):
        digits = random.integers(DIGITS, size=(count, 3))
        images = np.clip(patterns[digits] + random.normal(0, 8, (count, 3, 28, 28)), 0, 255).astype(np.uint8)
        return Domain("digits", images, extra={self.column: digits.astype(np.float32)})

    def domain(self, name):
        return self.train if name == "target" else self.test

    def made(self, count):
        return self.train.take(np.zeros(count, int)) if self.collapsed else self.train.spread(count)

    def fit(self, network, source, *, steps, batch_size, seed):
        from ganzoo.training.build import build_method
        from ganzoo.training.config import TrainConfig
        from ganzoo.training.loop import train

        fitted = build_method(type(network), network.config, network.spec, seed=seed, device=self.device)
        train(fitted, source, source, TrainConfig(steps=60, batch_size=batch_size, device="cpu", precision="fp32"))
        return fitted.eval()


def scores(data, **settings):
    return {(score.subject, score.name): score for score in Modes(ModesConfig(**settings)).measure(data)}


def test_a_generator_of_training_images_covers_the_modes_that_they_have():
    data = Stacked()
    found = scores(data)
    assert found["real", "modes_covered"].card["classifier_accuracy"] > 0.99
    wanted = coverage_of_digits(data.train.extra["digits"].astype(int)).covered
    assert found["method", "modes_covered"].value == pytest.approx(wanted, abs=3)
    assert ("method", "high_quality_share") not in found


def test_a_generator_of_one_image_covers_one_mode():
    found = scores(Stacked(collapsed=True), samples=50)
    assert found["method", "modes_covered"].value == 1
    assert found["method", "reverse_kl"].value == pytest.approx(math.log(1_000))


def test_images_whose_digits_are_not_known_are_declined():
    with pytest.raises(MetricUnavailableError, match="column `digits`"):
        scores(Stacked(column="letters"))
