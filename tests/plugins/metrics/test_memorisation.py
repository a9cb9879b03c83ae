"""`memorisation` on samples whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_scores.memorisation import Memorisation, MemorisationConfig, nearest_distances, scores_of

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.settings import Settings


def images(seed: int, count: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 1, 4, 5)).astype(np.uint8)


class Noise(Dataset):
    name, summary, homepage, license, Config = "noise", "", "", "", Settings

    def __init__(self) -> None:
        super().__init__(Settings())

    def target(self) -> Domain:
        return Domain("target", images(0))

    def target_test(self) -> Domain:
        return Domain("target test", images(1, 2_000))


class Plays(Method):
    """Generates given images."""

    name, summary, paper, Config = "plays", "", "", Settings
    reads = ("target",)

    def __init__(self, dataset: Dataset, rows: np.ndarray) -> None:
        super().__init__(Settings(), dataset.spec())
        self.rows, self.at = torch.from_numpy(rows).float() / 127.5 - 1, 0

    def phases(self):
        return {}

    def generate(self, count):
        self.at += count
        return self.rows[self.at - count : self.at]


def measured(rows: np.ndarray, samples: int = 200):
    noise = Noise()
    data = TrainedEvaluation(
        Plays(noise, rows), noise, seed=0, samples=50, extractors={}, precision="fp32",
        capabilities=registry().found["capabilities"],
    )  # fmt: skip
    scores = Memorisation(MemorisationConfig(samples=samples)).measure(data)
    return {(score.subject, score.name): score for score in scores}


def test_copies_of_training_images_have_the_ratio_zero_and_are_all_copied():
    found = measured(images(0))
    assert found["method", "nearest_ratio[pixels]"].value == 0
    assert found["method", "copied_share[pixels]"].value == 1


def test_new_samples_of_the_distribution_and_the_other_half_of_the_held_out_ones_have_a_ratio_near_one():
    found = measured(images(2, 1_000), samples=1_000)
    for subject in ("method", "real"):
        assert found[subject, "nearest_ratio[pixels]"].value == pytest.approx(1, abs=0.03)
        assert found[subject, "copied_share[pixels]"].value < 0.03


def test_a_mixture_of_copies_and_new_samples_is_found_by_the_share_where_the_median_sees_nothing():
    mixed = images(2)
    mixed[:200:5] = images(0)[:200:5]
    found = measured(mixed)
    assert found["method", "copied_share[pixels]"].value == pytest.approx(0.2, abs=0.03)
    assert found["method", "nearest_ratio[pixels]"].value > 0.9


def test_distances_are_exact_and_zero_for_a_copy_far_from_the_origin():
    known = np.array([[1e3, 1e3], [1e3 + 3, 1e3 + 4]])
    assert nearest_distances(np.array([[1e3 + 3, 1e3 + 4], [1e3, 1e3 - 2]]), known).tolist() == [0, 2]


def test_held_out_samples_that_are_training_samples_have_no_ratio():
    score = scores_of("pixels", "method", np.ones(4), np.zeros(4), {})[0]
    assert score.value is None
    assert "training samples" in score.reason


def test_without_held_out_samples_it_cannot_be_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Noise, "target_test", lambda self: None)
    with pytest.raises(MetricUnavailableError):
        measured(images(2))
