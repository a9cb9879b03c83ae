import mmap

import numpy as np
import pytest

from ganzoo.dataset import Domain
from ganzoo.training import prefetch
from ganzoo.training.loader import Loader
from ganzoo.training.prefetch import MappedRows

SHAPE = (500, 1, 35, 55)


@pytest.fixture
def stored(tmp_path):
    """Images in memory, and the same in a memory map."""
    images = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    return images, np.load(tmp_path / "images.npy", mmap_mode="r")


@pytest.mark.parametrize("rows", [slice(None), slice(100, 300), slice(1, None, 3), slice(None, None, -1)])
def test_the_pages_that_are_asked_for_hold_the_rows(stored, rows):
    images, mapped_images = (each[rows] for each in stored)
    found = MappedRows.of(mapped_images)
    wanted = np.array([0, 7, len(images) - 1, 7])
    for row, (start, length) in zip(wanted, found.pages(wanted), strict=True):
        assert start % mmap.PAGESIZE == 0
        assert found.memory[start : start + length].endswith(images[row].tobytes())
        assert length < images[row].nbytes + mmap.PAGESIZE


def test_arrays_in_memory_and_rows_in_pieces_are_asked_for_nothing(stored):
    images, mapped_images = stored
    assert MappedRows.of(images) is None
    assert MappedRows.of(mapped_images[[1, 2]]) is None, "a copy"
    assert MappedRows.of(mapped_images[:, :, ::2]) is None
    assert MappedRows.of(mapped_images[:0]) is None


def test_a_loader_asks_for_exactly_the_rows_that_it_draws_and_draws_the_same(stored, monkeypatch):
    images, mapped_images = stored
    asked = []
    monkeypatch.setattr(MappedRows, "ask", lambda self, rows: asked.append(rows.tolist()))
    labels = np.zeros((len(images), 2), np.float32)
    drawn = []
    for each in (images, mapped_images):
        domain = Domain("eyes", each, labels)
        loader = Loader(domain, domain.unlabelled(), batch_size=8, seed=0)
        drawn.append(loader.draw(0, 0.0))
        loader.close()
    assert drawn[0].source.equal(drawn[1].source)
    assert drawn[0].target.equal(drawn[1].target)
    assert asked[0] == loader._rows["source"].at(0, 8).tolist()
    assert asked[1] == loader._rows["target"].at(0, 8).tolist()


def test_where_the_system_cannot_be_asked_nothing_is(stored, monkeypatch):
    monkeypatch.setattr(prefetch, "WILL_NEED", None)
    found = MappedRows.of(stored[1])
    monkeypatch.setattr(found, "pages", lambda rows: pytest.fail("asked"))
    found.ask(np.array([1]))


def test_the_last_row_ends_with_the_file_and_can_be_asked_for(stored):
    found, last = MappedRows.of(stored[1]), np.array([SHAPE[0] - 1])
    ((start, length),) = found.pages(last)
    assert start + length == len(found.memory)
    found.ask(last)
    assert np.array_equal(stored[1][last], stored[0][last])
