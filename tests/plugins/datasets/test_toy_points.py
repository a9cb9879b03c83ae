"""Facts of the datasets of points, and of the metric that counts their modes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from ganzoo_scores.modes import Modes, ModesConfig, coverage
from ganzoo_toy.grid import Grid, GridConfig
from ganzoo_toy.ring import Ring, RingConfig
from ganzoo_toy.spiral import Spiral, SpiralConfig

from ganzoo.batch import Column
from ganzoo.dataset import spec_of
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.training.build import build_method


@pytest.mark.parametrize(("dataset", "modes"), [(Ring(RingConfig()), 8), (Grid(GridConfig()), 25)])
def test_points_lie_around_centres_of_equal_weight(dataset, modes):
    points, centers = dataset.target().samples.astype(float), dataset.centers()
    nearest = np.linalg.norm(points[:, None] - centers, axis=2).argmin(1)
    counts = np.bincount(nearest, minlength=modes)
    assert len(centers) == modes
    assert abs(counts / len(points) - 1 / modes).max() < 0.01
    assert (points - centers[nearest]).std() == pytest.approx(dataset.config.deviation, rel=0.02)


def test_the_ring_has_eight_different_modes_of_radius_two():
    centers = Ring(RingConfig()).centers()
    assert np.linalg.norm(centers, axis=1) == pytest.approx([2.0] * 8)
    assert len(np.unique(centers.round(6), axis=0)) == 8, "an angle that includes both ends would double one"


def test_the_grid_reaches_from_minus_four_to_four():
    centers = Grid(GridConfig()).centers()
    assert sorted({float(each) for each in centers[:, 0]}) == [-4, -2, 0, 2, 4]


def test_the_spiral_winds_once_more_than_round():
    points = Spiral(SpiralConfig(deviation=0.0)).target().samples
    radius = np.linalg.norm(points, axis=1)
    assert radius.min() == pytest.approx(1.5 * np.pi / 7.5, abs=0.01)
    assert radius.max() == pytest.approx(4.5 * np.pi / 7.5, abs=0.01)


@pytest.mark.parametrize("make", [lambda **s: Ring(RingConfig(**s)), lambda **s: Spiral(SpiralConfig(**s))])
def test_points_depend_on_their_seed_alone_and_the_test_has_others(make):
    one, same, other = make(), make(), make(data_seed=1)
    assert one.target().fingerprint() == same.target().fingerprint() != other.target().fingerprint()
    assert one.target().fingerprint() != one.target_test().fingerprint()


@pytest.mark.parametrize("dataset", [Ring(RingConfig(size=9)), Grid(GridConfig(size=9)), Spiral(SpiralConfig(size=9))])
def test_the_spec_is_known_without_drawing(dataset):
    assert dataset.spec() == spec_of(None, dataset.target(), dataset.task)
    assert dataset.spec().sample == Column((2,), "vector")


def test_the_card_gives_the_modes_that_the_options_ask_for():
    card = Ring(RingConfig(modes=4, radius=3.0, deviation=0.5)).card()
    assert np.array(card["mode_centers"]) == pytest.approx(np.array([[3, 0], [0, 3], [-3, 0], [0, -3]]), abs=1e-9)
    assert card["mode_deviation"] == 0.5


def test_real_points_reach_the_share_of_a_plane_within_three_deviations():
    ring = Ring(RingConfig(size=100_000))
    found = coverage(ring.target().samples, ring.centers(), 0.02)
    assert found.covered == 8
    assert found.near / 100_000 == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    assert found.divergence == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("modes", "divergence"), [(1, 2.079), (4, 0.693), (7, 0.1335), (8, 0.0)])
def test_the_divergence_of_equal_shares_of_some_of_eight_modes(modes, divergence):
    centers = Ring(RingConfig()).centers()
    found = coverage(np.repeat(centers[:modes], 50, axis=0), centers, 0.02)
    assert (found.covered, found.near) == (modes, 50 * modes)
    assert found.divergence == pytest.approx(divergence, abs=5e-4)


def test_the_divergence_counts_points_near_a_mode_alone():
    centers = Ring(RingConfig()).centers()
    far = np.add(centers[:1], [[0.061, 0.0]])  # 3.05 deviations from the first mode
    found = coverage(np.concatenate([centers, np.repeat(far, 90, axis=0)]), centers, 0.02)
    assert (found.covered, found.near) == (8, 8)
    assert found.divergence == pytest.approx(0, abs=1e-12)


def test_finitely_many_real_points_have_the_divergence_that_theory_gives():
    """(K - 1) / 2n of n points over K modes: .005 of 2,500 on the grid."""
    grid = Grid(GridConfig(size=2_500 * 40))
    parts = np.split(grid.target().samples, 40)
    found = np.mean([coverage(part, grid.centers(), 0.05).divergence for part in parts])
    assert found == pytest.approx(24 / (2 * 2_500 * (1 - math.exp(-4.5))), rel=0.15)


def test_points_far_from_every_mode_cover_none():
    found = coverage(np.zeros((9, 2)), Ring(RingConfig()).centers(), 0.02)
    assert (found.covered, found.near, found.divergence) == (0, 0, None)


class Shrunk(Method):
    """Generates the points of the ring, the first modes of it only; what it asks for is noted."""

    name, summary, paper, Config, reads, kinds = "shrunk", "Points.", "", Settings, ("target",), ("vector",)

    def phases(self):
        return {}

    def generate(self, count):
        centers = torch.tensor(Ring(RingConfig()).centers(), dtype=torch.float32)[:4]
        return centers.repeat(count // 4 + 1, 1)[:count]


def evaluation_of(dataset):
    method = build_method(Shrunk, Settings(), dataset.spec(), seed=0, device=torch.device("cpu"))
    return TrainedEvaluation(method, dataset, seed=0, samples=64, extractors={},
                             capabilities=registry().found["capabilities"])  # fmt: skip


def test_the_method_and_the_real_points_are_measured_on_as_many_samples_as_the_protocol_says():
    scores = Modes(ModesConfig()).measure(evaluation_of(Ring(RingConfig())))
    assert {score.card["samples"] for score in scores} == {2_500}
    found = {(score.name, score.subject): score for score in scores}
    assert found["modes_covered", "method"].value == 4
    assert found["reverse_kl", "method"].value == pytest.approx(math.log(2), abs=1e-3)
    real = found["high_quality_share", "real"]
    assert real.low < 1 - math.exp(-4.5) < real.high


def test_modes_of_data_that_state_none_are_not_measured():
    data = evaluation_of(Spiral(SpiralConfig()))
    with pytest.raises(MetricUnavailableError, match="has no known modes"):
        Modes(ModesConfig()).measure(data)


SMALL = ("--size", 200, "--test-size", 100, "--steps", 4, "--batch-size", 16)


def test_gan_runs_on_the_ring_from_the_command_line(ganzoo, tmp_path):
    result = ganzoo("run", "gan", "--dataset", "ring", *SMALL, "--out", "out")
    assert result.exit_code == 0, result.output
    scores = {
        (each["name"], each["subject"]): each
        for each in json.loads((tmp_path / "out/metrics.json").read_text())["scores"]
    }
    assert scores["modes_covered", "real"]["value"] == 8
    assert ("modes_covered", "method") in scores
    assert list((tmp_path / "out" / "samples").glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dcgan", "ring"), "dcgan reads images, and the target of these data holds vectors of 2 numbers"),
        (("simgan", "ring"), "simgan reads source samples, and these data have only target samples"),
        (("dann", "spiral"), "dann reads source samples, source labels"),
    ],
)
def test_a_method_that_cannot_read_the_points_says_so_before_there_is_a_folder(ganzoo, tmp_path, arguments, says):
    method, dataset = arguments
    result = ganzoo("run", method, "--dataset", dataset, *SMALL, "--out", "out")
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / "out").exists()
