"""Closed forms of the Parzen estimate, and what the metric chooses its bandwidth on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ganzoo_scores.parzen import Parzen, ParzenConfig, best_bandwidth, centroids, log_likelihood
from pydantic import ValidationError

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.training.build import build_method


@pytest.mark.parametrize(("bandwidth", "nats"), [(0.1, 1084.8), (0.2, 541.35), (0.3, 223.47)])
def test_a_point_on_the_only_center_has_the_density_of_the_kernels_middle(bandwidth, nats):
    point = torch.rand(1, 784, dtype=torch.float64)
    found = log_likelihood(point, point, [bandwidth])[0, 0]
    assert found == pytest.approx(-784 * math.log(bandwidth * math.sqrt(2 * math.pi)))
    assert found == pytest.approx(nats, abs=0.06)


def test_one_hit_among_ten_thousand_centers_costs_the_log_of_their_number():
    point = torch.zeros(1, 784, dtype=torch.float64)
    centers = torch.full((10_000, 784), 5.0, dtype=torch.float64)
    centers[3] = 0
    alone = log_likelihood(point, point, [0.2])[0, 0]
    assert log_likelihood(point, centers, [0.2])[0, 0] - alone == pytest.approx(-9.2103, abs=1e-4)


def test_repeated_centers_change_nothing():
    torch.manual_seed(0)
    points, centers = torch.rand(7, 20, dtype=torch.float64), torch.rand(5, 20, dtype=torch.float64)
    once, often = (log_likelihood(points, each, [0.1, 0.5]) for each in (centers, centers.repeat(3, 1)))
    assert np.allclose(once, often)


def test_the_density_is_that_of_the_mixture_and_many_points_are_treated_as_few():
    torch.manual_seed(0)
    points, centers = torch.rand(1_100, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(4, dtype=torch.float64)),
        torch.distributions.Independent(torch.distributions.Normal(centers, 0.3), 1),
    )
    assert np.allclose(log_likelihood(points, centers, [0.3])[0], mixture.log_prob(points).numpy())


def test_the_bandwidth_is_the_spread_around_the_centers():
    torch.manual_seed(0)
    centers = torch.rand(20, 50, dtype=torch.float64) * 10
    held_out = centers.repeat(5, 1) + 0.3 * torch.randn(100, 50, dtype=torch.float64)
    assert best_bandwidth(held_out, centers, np.array([0.1, 0.2, 0.3, 0.45, 0.7])) == 0.3


def test_centroids_are_the_means_of_clusters():
    torch.manual_seed(0)
    means = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    points = means.repeat_interleave(50, 0) + 0.1 * torch.randn(150, 2, dtype=torch.float64)
    found = centroids(points, 3)
    assert torch.allclose(found, points.view(3, 50, 2).mean(1))


class Copies(Method):
    """Generates the image that it was told."""

    name, summary, paper, Config, reads = "copies", "Test.", "", Settings, ("target",)

    def phases(self):
        return {}

    def generate(self, count):
        return torch.zeros(count, *self.spec.sample.shape)


class Set(Dataset):
    """Grey images of some brightness for training, and others for the test."""

    name, summary, homepage, license, Config = "set", "Test.", "", "none", Settings

    def __init__(self, train, test):
        super().__init__(Settings())
        self.train, self.test = train, test

    def target(self):
        return Domain("target", self.train)

    def target_test(self):
        return None if self.test is None else Domain("target-test", self.test)


def images(count, seed):
    return np.random.default_rng(seed).integers(100, 156, (count, 1, 4, 4), np.uint8)


def scores(train, test, **settings):
    dataset = Set(train, test)
    method = build_method(Copies, Settings(), dataset.spec(), seed=0, device=torch.device("cpu"))
    data = TrainedEvaluation(method, dataset, seed=0, samples=64, extractors={},
                             capabilities=registry().found["capabilities"])  # fmt: skip
    found = Parzen(ParzenConfig(samples=50, **settings)).measure(data)
    return {(score.name.removeprefix("parzen_"), score.subject): score for score in found}


SUBJECTS = ("method", "real", "k-means")


def test_the_controls_always_stand_beside_the_method_and_nothing_is_ranked():
    found = scores(images(100, 0), images(30, 1))
    assert {subject for _, subject in found} == set(SUBJECTS)
    assert all(score.better == "" for score in found.values())
    assert found["nats", "real"].card["centers"] == 50
    method = found["nats", "method"]
    assert method.card["chosen_on"] == "10 held-out training images"
    assert method.high - method.value == pytest.approx(1.96 * found["standard_error", "method"].value, rel=0.01)


def test_the_bandwidth_does_not_depend_on_the_test_images():
    train = images(100, 0)
    near, far = scores(train, images(30, 1)), scores(train, images(30, 1) // 8)
    for subject in SUBJECTS:
        assert near["bandwidth", subject].value == far["bandwidth", subject].value
        assert near["nats", subject].value > far["nats", subject].value


def test_held_out_training_images_carry_no_kernel_of_the_control():
    """Otherwise the smallest bandwidth would always be the best."""
    train = images(100, 0)
    train[-10:] = 250
    found = scores(train, images(30, 1), lowest=0.01, highest=1.0, bandwidths=9)
    assert found["bandwidth", "real"].value > 0.3


def test_a_bandwidth_at_the_edge_of_the_grid_is_said():
    assert "edge" in scores(images(100, 0), images(30, 1), lowest=0.5)["nats", "real"].warning
    assert scores(images(100, 0), images(30, 1), lowest=0.01, highest=10.0)["nats", "real"].warning == ""


def test_without_test_images_or_with_a_handful_of_training_images_there_is_no_score():
    with pytest.raises(MetricUnavailableError):
        scores(images(100, 0), None)
    with pytest.raises(MetricUnavailableError, match="only 9"):
        scores(images(9, 0), images(30, 1))


def test_bad_settings_are_refused():
    with pytest.raises(ValidationError, match="smaller than highest"):
        ParzenConfig(lowest=1.0, highest=0.5)
