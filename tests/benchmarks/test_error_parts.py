"""What the gaze error of a bench consists of: against predictions whose faults are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ganzoo.task import GazeTask

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from error_parts import PARTS, parts  # scripts are not a package

RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(-0.3, 0.3, (500, 2)).astype(np.float32)


def test_a_constant_error_is_all_in_the_mean():
    found = parts(GazeTask(), [TRUTH + np.float32([np.deg2rad(3), 0])] * 2, TRUTH)
    assert found["as it is"] == pytest.approx(3, abs=2e-3)
    assert [found[name] for name in PARTS[1:3]] == pytest.approx([0, 0], abs=2e-3)


def test_a_slope_needs_the_best_line():
    found = parts(GazeTask(), [0.4 * TRUTH + 0.02, 0.6 * TRUTH - 0.01], TRUTH)
    assert found["without mean error"] > 3
    assert found["with the best line"] == pytest.approx(0, abs=2e-3)


def test_the_spread_of_seeds_averages_out():
    noise = RNG.normal(0, 0.05, TRUTH.shape).astype(np.float32)
    found = parts(GazeTask(), [TRUTH + noise, TRUTH - noise], TRUTH)
    assert found["with the best line"] > 3
    assert found["average of its seeds"] < 0.1
