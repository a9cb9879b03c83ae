"""Facts of the datasets of points, and of the metric that counts their modes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from ganzoo_modes import shares
from ganzoo_toy.grid import Grid, GridConfig
from ganzoo_toy.ring import Ring, RingConfig
from ganzoo_toy.spiral import Spiral, SpiralConfig

from ganzoo.batch import Column
from ganzoo.dataset import spec_of


@pytest.mark.parametrize(("dataset", "modes"), [(Ring(RingConfig()), 8), (Grid(GridConfig()), 25)])
def test_points_lie_around_centres_of_equal_weight(dataset, modes):
    target = dataset.target()
    centers, counts = np.unique(target.extra["mode_center"], axis=0, return_counts=True)
    assert len(centers) == modes
    assert abs(counts / len(target) - 1 / modes).max() < 0.01
    spread = (target.samples - target.extra["mode_center"]).std()
    assert spread == pytest.approx(dataset.config.deviation, rel=0.02)


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


def test_real_points_reach_the_share_of_a_plane_within_three_deviations():
    ring = Ring(RingConfig(size=100_000))
    covered, quality, divergence = shares(ring.target().samples, ring.centers(), 0.02)
    assert covered == 8
    assert quality == pytest.approx(1 - math.exp(-4.5), abs=0.002)
    assert divergence == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("modes", "divergence"), [(1, 2.079), (4, 0.693), (7, 0.1335), (8, 0.0)])
def test_the_divergence_of_equal_shares_of_some_of_eight_modes(modes, divergence):
    centers = Ring(RingConfig()).centers()
    found = shares(np.repeat(centers[:modes], 50, axis=0), centers, 0.02)
    assert found == (modes, 1.0, pytest.approx(divergence, abs=1e-3))


def test_points_far_from_every_mode_cover_none():
    assert shares(np.zeros((9, 2)), Ring(RingConfig()).centers(), 0.02) == (0, 0.0, None)


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
