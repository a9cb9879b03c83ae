"""The picture of the README shows the pixels of the runs, enlarged and unselected."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

from strip import GAP, TEXT, strip


@pytest.mark.parametrize("channels", [1, 3])
def test_each_row_holds_its_images_enlarged(channels):
    noise = np.random.default_rng(0)
    rows = {name: noise.integers(0, 256, (2, channels, 5, 7), dtype=np.uint8) for name in ("before", "after", "real")}
    drawn = np.asarray(strip(rows, enlarged=4))
    assert drawn.shape == (3 * (20 + GAP + TEXT), 2 * (28 + GAP) + GAP, 3)
    for place, images in enumerate(rows.values()):
        for column, image in enumerate(images):
            top, left = place * (20 + GAP + TEXT) + TEXT, GAP + column * (28 + GAP)
            found = drawn[top : top + 20 : 4, left : left + 28 : 4].transpose(2, 0, 1)
            np.testing.assert_array_equal(found, np.broadcast_to(image, (3, 5, 7)))
    assert (drawn[:TEXT] < 128).any()  # the words
