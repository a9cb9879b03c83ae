"""The history of refined images, as section 2.3 of the SimGAN paper describes it."""

from __future__ import annotations

import pytest
import torch

from ganzoo.nn.history import History


def numbered(*numbers):
    """Images whose grey level is their number: [N, 1, 2, 3] in [-1, 1]."""
    return (torch.tensor(numbers).float() / 127.5 - 1).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 3)


def numbers(images):
    return ((images[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def filled(*levels, size=None):
    """A history that holds these images in this order."""
    history = History(size or len(levels), 1, 2, 3)
    for level in levels:
        history.mix(numbered(level), 2)
    return history


def test_half_of_a_batch_is_fresh_and_half_is_of_the_past():
    history = filled(*range(100, 108))
    mixed = numbers(history.mix(numbered(1, 2, 3), 6))
    assert mixed[:3] == [1, 2, 3]
    assert all(100 <= level < 108 for level in mixed[3:])


def test_every_fresh_image_is_stored_and_free_places_are_filled_first():
    history = History(6, 1, 2, 3)
    for start in (10, 20, 30):
        history.mix(numbered(start, start + 1), 4)
    assert int(history.filled) == 6
    assert history.images[:, 0, 0, 0].tolist() == [10, 11, 20, 21, 30, 31]


def test_a_full_history_replaces_as_many_old_images_as_there_are_fresh_ones():
    history = filled(*range(100, 120))
    history.mix(numbered(1, 2, 3, 4, 5), 10)
    held = history.images[:, 0, 0, 0].tolist()
    assert sorted(level for level in held if level < 100) == [1, 2, 3, 4, 5]
    assert len({level for level in held if level >= 100}) == 15
    assert int(history.filled) == 20


def test_the_last_free_places_and_old_ones_are_written_in_one_go():
    history = filled(100, 101, 102, size=4)
    history.mix(numbered(1, 2, 3), 6)
    held = history.images[:, 0, 0, 0].tolist()
    assert held[3] == 1  # the free place
    assert {2, 3} < set(held[:3])


def test_each_old_image_is_replaced_equally_often():
    counts = torch.zeros(8)
    for _ in range(2_000):
        history = History(8, 1, 2, 3)
        history.filled.fill_(8)
        history.mix(numbered(7, 7), 4)
        counts += history.images[:, 0, 0, 0] == 7
    expected = 2_000 * 2 / 8
    assert ((counts - expected).abs() < 5 * (expected * 0.75) ** 0.5).all()


def test_each_past_image_is_recalled_equally_often():
    history = History(5, 1, 2, 3)
    history.images.copy_(torch.arange(5, dtype=torch.uint8).reshape(5, 1, 1, 1).expand(5, 1, 2, 3))
    history.filled.fill_(5)
    past = torch.tensor(numbers(history._recall(numbered(*[9] * 10_000))))
    counts = past.bincount(minlength=5)
    assert len(counts) == 5
    assert ((counts - 2_000).abs() < 5 * (2_000 * 0.8) ** 0.5).all()


def test_while_nothing_is_stored_fresh_images_stand_in():
    history = History(10, 1, 2, 3)
    assert numbers(history.mix(numbered(1, 2), 4)) == [1, 2, 1, 2]


def test_a_partly_filled_history_recalls_only_what_it_holds():
    history = filled(50, 51, size=100)
    for _ in range(20):
        recalled = numbers(history._recall(numbered(*range(8))))
        assert set(recalled) <= {50, 51}


def test_a_history_smaller_than_half_a_batch_works():
    history = History(2, 1, 2, 3)
    for _ in range(3):
        mixed = numbers(history.mix(numbered(1, 2, 3, 4, 5), 10))
        assert mixed[:5] == [1, 2, 3, 4, 5]
        assert set(mixed[5:]) <= {1, 2, 3, 4, 5}
    assert int(history.filled) == 2


def test_the_odd_image_of_a_batch_is_fresh_every_other_time():
    history = filled(100)
    history.filled.fill_(1)
    fresh = 0
    for _ in range(1_000):
        history.images.fill_(100)
        mixed = numbers(history.mix(numbered(1, 2), 3))
        assert mixed[0] == 1
        assert mixed[2] == 100
        fresh += mixed[1] == 2
    assert abs(fresh - 500) < 5 * 250**0.5


def test_a_batch_of_one_is_of_the_past_every_other_time():
    history = filled(100)
    past = 0
    for _ in range(1_000):
        history.images.fill_(100)
        past += numbers(history.mix(numbered(1), 1)) == [100]
    assert abs(past - 500) < 5 * 250**0.5


def test_images_come_back_as_an_image_file_would_hold_them():
    images = torch.rand(4, 3, 5, 7) * 2 - 1
    history = History(4, 3, 5, 7)
    history.mix(images, 8)
    assert history.images.dtype == torch.uint8
    back = history.images.float() / 127.5 - 1
    assert (back - images).abs().max() <= 0.5 / 127.5 + 1e-6


def test_what_is_mixed_carries_no_gradient_and_keeps_its_type():
    fresh = torch.zeros(2, 1, 2, 3, dtype=torch.bfloat16, requires_grad=True)
    mixed = History(3, 1, 2, 3).mix(fresh * 1, 4)
    assert not mixed.requires_grad
    assert mixed.dtype == torch.bfloat16


def test_a_wrong_number_of_fresh_images_is_refused():
    with pytest.raises(ValueError, match="needs 2 fresh ones, not 4"):
        History(3, 1, 2, 3).mix(numbered(1, 2, 3, 4), 4)
