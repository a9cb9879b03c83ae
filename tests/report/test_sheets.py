"""Sample sheets: what stands in them, by the size of the picture and its colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from ganzoo.dataset import Domain, spec_of
from ganzoo.discovery.registry import registry
from ganzoo.method import Method
from ganzoo.report import sheets
from ganzoo.report.sheets import COLUMNS, ENLARGED, FRAME, sample_sheet
from ganzoo.settings import Settings
from ganzoo.task import NoTask
from ganzoo.training.build import build_method

POINTS = np.random.default_rng(0).normal(0, 1, (300, 2)).astype(np.float32)


class Moved(Method):
    """Generates points or images that are all alike, and gives samples back as they are."""

    name, summary, paper, Config, reads, kinds = "moved", "Test.", "", Settings, ("target",), ("image", "vector")
    value = 0.5

    def phases(self):
        return {}

    def generate(self, count):
        return torch.full((count, *self.spec.sample.shape), self.value)


class Encoding(Moved):
    """Also reconstructs."""

    def reconstruct(self, images):
        return images


def drawn(cls, samples, tmp_path):
    """Whether there is a sheet, and its file."""
    target, file = Domain("target", samples), tmp_path / "sheet.png"
    method = build_method(cls, Settings(), spec_of(None, target, NoTask()), seed=0, device=torch.device("cpu"))
    capabilities = registry().found["capabilities"]
    return sample_sheet(method, None, target, file, seed=0, capabilities=capabilities), file


@pytest.fixture
def plotted(monkeypatch):
    """What a sheet of points is made of."""
    seen = {}
    original = sheets.scatter_plots

    def note(made, real, file):
        seen.update(dict(made), real=real)
        original(made, real, file)

    monkeypatch.setattr(sheets, "scatter_plots", note)
    return seen


def test_a_sheet_of_points_shows_generated_over_real_ones(tmp_path, plotted):
    there, file = drawn(Moved, POINTS, tmp_path)
    assert there
    assert set(plotted) == {"generated", "real"}
    assert (plotted["generated"] == 0.5).all()
    assert set(map(tuple, plotted["real"])) == set(map(tuple, POINTS))
    with Image.open(file) as picture:
        assert picture.width == picture.height


def test_each_capability_has_a_panel_of_its_own(tmp_path, plotted):
    _, file = drawn(Encoding, POINTS, tmp_path)
    assert set(plotted) == {"generated", "reconstructed", "real"}
    assert np.array_equal(plotted["reconstructed"], plotted["real"])
    with Image.open(file) as picture:
        assert picture.width == 2 * picture.height


def test_the_title_counts_generated_points_beyond_the_picture(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_title", lambda self, title: titles.append(title))
    monkeypatch.setattr(Moved, "value", 90.0)
    drawn(Moved, POINTS, tmp_path)
    monkeypatch.setattr(Moved, "value", 0.5)
    drawn(Moved, POINTS, tmp_path)
    assert titles == ["generated points; 2,000 of 2,000 lie outside", "generated points"]


def test_vectors_of_three_numbers_have_no_sheet(tmp_path):
    there, file = drawn(Moved, np.zeros((9, 3), np.float32), tmp_path)
    assert not there
    assert not file.exists()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_stand_in_rows_above_the_real_ones(tmp_path, channels):
    images = np.full((20, channels, 6, 8), 51, np.uint8)
    there, file = drawn(Encoding, images, tmp_path)
    assert there
    pixels = np.asarray(Image.open(file))
    height, width = ENLARGED * 6 + FRAME, ENLARGED * 8 + FRAME
    rows = 4  # generated; original and reconstructed; real
    assert pixels.shape[:2] == (rows * height + FRAME, COLUMNS * width + FRAME)
    assert pixels.ndim == (2 if channels == 1 else 3)
    first_of_rows = [int(pixels[FRAME + row * height, FRAME].flat[0]) for row in range(rows)]
    assert first_of_rows == [191, 51, 51, 51]
