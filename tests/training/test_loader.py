from dataclasses import replace

import numpy as np
import pytest
import torch

from ganzoo.batch import OracleBatch
from ganzoo.dataset import Domain
from ganzoo.errors import DatasetError
from ganzoo.pixels import to_uint8, to_unit_range
from ganzoo.training.loader import Loader, RowOrder, derive_seed, reseed


def numbered(count, labelled=True):
    """Images whose grey level is their row number."""
    images = np.repeat(np.arange(count, dtype=np.uint8), 6).reshape(count, 1, 2, 3)
    labels = np.arange(count, dtype=np.float32)[:, None].repeat(2, 1) if labelled else None
    return Domain("numbered", images, labels)


def rows(images):
    return to_uint8(images)[:, 0, 0, 0].tolist()


def loader(batch_size=4, source=10, target=7, **more):
    return Loader(numbered(source), numbered(target), batch_size=batch_size, seed=1, **more)


def test_all_grey_levels_survive_the_way_to_the_network_and_back():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_unit_range(levels)), levels)


def test_a_draw_depends_on_its_number_alone():
    one, other = loader(), loader()
    for index in (3, 0, 5):
        other.draw(index, 0.9)
    for index in (5, 0, 1, 3):
        assert rows(one.draw(index, 0.0).source) == rows(other.draw(index, 0.5).source)
    one.close(), other.close()


def test_labels_stay_with_their_images():
    draws = loader()
    for index in range(20):
        batch = draws.draw(index, 0.0)
        assert rows(batch.source) == batch.source_label[:, 0].tolist()
    draws.close()


def test_every_row_comes_once_an_epoch_and_none_is_dropped():
    stream = RowOrder(10, "seed")
    drawn = np.concatenate([stream.at(start, 4) for start in range(0, 40, 4)])
    for epoch in drawn.reshape(4, 10):
        assert sorted(epoch) == list(range(10))
    assert list(drawn[:10]) != list(drawn[10:20])


def test_a_batch_may_be_larger_than_the_data():
    assert sorted(RowOrder(3, 0).at(0, 9)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_two_processes_draw_the_parts_of_one_batch(monkeypatch):
    whole = loader(batch_size=4).draw(2, 0.0)
    parts = []
    for rank in (0, 1):
        monkeypatch.setattr("ganzoo.system.dist.rank", lambda rank=rank: rank)
        monkeypatch.setattr("ganzoo.system.dist.world", lambda: 2)
        parts += rows(loader(batch_size=2).draw(2, 0.0).source)
    assert parts == rows(whole.source)


def test_target_labels_reach_only_an_oracle():
    plain, oracle = loader().draw(0, 0.0), loader(reads=("target", "target_label"), oracle=True).draw(0, 0.0)
    assert not hasattr(plain, "target_label")
    assert isinstance(oracle, OracleBatch)
    assert rows(oracle.target) == oracle.target_label[:, 0].tolist()


def test_columns_that_are_not_read_are_not_drawn():
    assert list(loader(reads=("target",)).draw(0, 0.0).columns) == ["target"]


def test_labels_of_the_target_cannot_be_read_by_anybody_but_an_oracle():
    with pytest.raises(DatasetError, match="an oracle is given the target's labels"):
        loader(reads=("target", "target_label"))


def test_a_column_that_is_observed_comes_with_the_target():
    masks = np.zeros((4, 1, 2, 3), bool)
    masks[:, 0, 0, 0] = True
    seen = replace(numbered(4), extra={"mask": masks, "drawn": masks}, observed=("mask",))
    batch = Loader(None, seen, reads=("target", "target_mask"), batch_size=2, seed=0).draw(0, 0.0)
    assert batch["target_mask"].tolist() == [[[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]] * 2
    with pytest.raises(DatasetError, match="'target_drawn'"):
        Loader(None, seen, reads=("target_drawn",), batch_size=2, seed=0)


def test_paired_rows_stay_together_and_others_do_not():
    together = loader(source=7, target=7, paired=True).draw(0, 0.0)
    apart = loader(source=7, target=7).draw(0, 0.0)
    assert rows(together.source) == rows(together.target)
    assert rows(apart.source) != rows(apart.target)


def test_vectors_come_as_they_are():
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    drawn = Loader(None, Domain("points", points), reads=("target",), batch_size=6, seed=0).draw(0, 0.0).target
    assert sorted(drawn.tolist()) == points.tolist()


def test_an_unlabelled_source_is_refused():
    with pytest.raises(DatasetError, match="'source_label'"):
        Loader(numbered(4, labelled=False), numbered(4), batch_size=2, seed=0)


def test_an_oracle_without_target_labels_is_refused():
    unlabelled = numbered(4, labelled=False)
    with pytest.raises(DatasetError, match="'target_label'"):
        Loader(numbered(4), unlabelled, reads=("target", "target_label"), batch_size=2, seed=0, oracle=True)


def test_noise_is_a_function_of_the_seed_parts():
    cpu = torch.device("cpu")
    reseed(cpu, 1, 2)
    first = torch.randn(3)
    reseed(cpu, 1, 3)
    other = torch.randn(3)
    reseed(cpu, 1, 2)
    assert torch.equal(first, torch.randn(3))
    assert not torch.equal(first, other)
    assert derive_seed(1, 23) != derive_seed(12, 3)


def test_micro_batches_are_the_batch():
    batch = loader(batch_size=5, reads=("target", "target_label"), oracle=True).draw(0, 0.25)
    parts = list(batch.split(2))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.target_label for part in parts]), batch.target_label)
    assert all(part.progress == 0.25 for part in parts)


def test_the_host_makes_numbers_of_bytes_as_the_device_does_to_the_bit():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(2, 3, 8, 16)
    domain = Domain("levels", levels, np.zeros((2, 2), np.float32))
    draws = Loader(domain, domain, batch_size=2, seed=0)
    source = draws.draw(0, 0.0).source
    draws.close()
    assert source.is_contiguous(memory_format=torch.channels_last)
    either = [to_unit_range(torch.from_numpy(levels[order])) for order in ([0, 1], [1, 0])]
    assert any(torch.equal(source, wanted) for wanted in either)
