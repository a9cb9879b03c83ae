"""Two stores as a dataset: who is held out, what range is kept, and what makes two stores no pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counted import Counted
from stores.test_preparing import made_of

from ganzoo.configuration.layers import build_config
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.files.store_pair import StorePair, StorePairConfig, pair_of, pair_of_stores

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    return tmp_path


def store(path: Path, count: int = 30, shape: tuple[int, int, int] = (1, 4, 6), **columns: Any) -> None:
    images = RNG.integers(0, 256, (count, *shape), np.uint8)
    angles = {"pitch": np.linspace(-0.5, 0.5, count), "yaw": np.zeros(count)} if "pitch" not in columns else {}
    made_of(path, images, **angles, **{name: column for name, column in columns.items() if column is not None})


def people(count: int, each: int) -> np.ndarray:
    return np.repeat([f"p{number:02d}" for number in range(count)], each)


def open_pair(**settings: Any) -> StorePair:
    return pair_of("renders", "real")(StorePairConfig(**settings))


def test_the_last_third_of_the_people_is_the_test(data: Path) -> None:
    store(data / "renders")
    store(data / "real", person=people(6, 5))
    pair = open_pair()
    assert np.unique(pair.target().groups).tolist() == [0, 1, 2, 3]
    test = pair.target_test()
    assert test is not None
    assert np.unique(test.groups).tolist() == [4, 5]
    assert pair.card()["split"] == "people"
    assert pair.card()["target_test"]["persons"] == 2


def test_nobody_is_in_target_and_test_even_where_rows_are_mixed(data: Path) -> None:
    store(data / "renders")
    store(data / "real", person=RNG.permutation(people(6, 5)))
    pair = open_pair()
    test = pair.target_test()
    assert test is not None
    assert not set(pair.target().groups) & set(test.groups)
    assert len(pair.target()) + len(test) == 30


def test_one_person_is_shared_out_by_rows_and_the_card_says_so(data: Path) -> None:
    store(data / "renders")
    store(data / "real", person=people(1, 30))
    assert open_pair().card()["split"] == "rows"
    assert len(open_pair().target()) == 20
    with pytest.raises(DatasetError, match=r"--split people: .* several people; --split rows"):
        open_pair(split="people").target()


def test_an_unlabelled_target_is_enough(data: Path) -> None:
    store(data / "renders")
    made_of(data / "real", RNG.integers(0, 256, (9, 1, 4, 6), np.uint8), file=np.arange(9).astype(str))
    assert open_pair().target().labels is None


def test_the_authors_split_goes_first(data: Path) -> None:
    store(data / "renders", split=np.repeat(["train", "test"], [25, 5]))
    store(data / "real", split=np.tile(["train", "test", "train"], 10), person=people(6, 5))
    pair = open_pair()
    test = pair.target_test()
    assert test is not None
    assert (len(pair.source()), len(pair.target()), len(test)) == (25, 20, 10)
    assert pair.card()["split"] == "authors"


def test_one_named_person_is_left_out(data: Path) -> None:
    store(data / "renders")
    store(data / "real", person=people(3, 10))
    pair = open_pair(split="leave-one-out", test_person="p01")
    test = pair.target_test()
    assert test is not None
    assert set(test.groups) == {1}
    assert set(pair.target().groups) == {0, 2}
    assert pair.card()["test_people"] == ["p01"]
    with pytest.raises(ConfigError, match="--test-person anna: the store real has p00, p01, p02"):
        open_pair(split="leave-one-out", test_person="anna").target()
    for settings in {"split": "leave-one-out"}, {"test_person": "p01"}:
        with pytest.raises(ConfigError, match="--split leave-one-out and --test-person must be given together"):
            open_pair(**settings)


def test_the_evaluation_subset_is_the_test(data: Path) -> None:
    store(data / "renders")
    chosen = RNG.random(30) < 0.3
    store(data / "real", evaluation=chosen, person=people(3, 10))
    test = open_pair(split="evaluation-subset").target_test()
    assert test is not None
    assert len(test) == chosen.sum()
    store(data / "bare", person=people(3, 10))
    with pytest.raises(DatasetError, match=r"--split evaluation-subset: .* has no column 'evaluation'"):
        pair_of("renders", "bare")(StorePairConfig(split="evaluation-subset")).target()


def test_held_out_renders_are_the_last_tenth_or_other_people(data: Path) -> None:
    store(data / "renders", person=people(10, 3))
    store(data / "real")
    pair = open_pair()
    assert pair.source_test() is not None
    assert set(pair.source_test().groups) == {9}  # type: ignore[union-attr]


def test_rows_that_lie_together_stay_in_the_memory_map(data: Path) -> None:
    store(data / "renders")
    store(data / "real")
    assert isinstance(open_pair().source().images, np.memmap)
    assert isinstance(open_pair().target().images, np.memmap)


def test_the_source_range_keeps_its_rows_of_the_source_alone(data: Path) -> None:
    store(data / "renders", 100, pitch=RNG.permutation(np.linspace(-0.5, 0.5, 100)), yaw=np.zeros(100))
    store(data / "real")
    pair = open_pair(source_range=(-10, 10, -1, 1))
    low, high, *_ = pair.card()["source"]["gaze_range_deg"]
    assert -10 <= low < high <= 10
    assert len(pair.source()) < 50
    assert pair.card()["target"]["gaze_range_deg"][0] < -25
    option = build_config(StorePairConfig, {"options": {"source_range": "-20,1.5,-18,18"}})
    assert option.source_range == (-20, 1.5, -18, 18)


def test_images_and_pupils_are_brought_to_the_targets_size(data: Path) -> None:
    pupil = np.full(30, 7.0)
    store(data / "renders", shape=(3, 8, 12), pupil_x=pupil, pupil_y=pupil / 2)
    store(data / "real")
    with pytest.raises(DatasetError, match=r"store renders: all images are 8x12 .* RGB, but 4x6"):
        open_pair().source()
    source = open_pair(resizer="center-crop", channels="grey").source()
    assert source.images.shape[1:] == (1, 4, 6)
    np.testing.assert_allclose(source.extra["pupil_center"][0], [7 - 3, 3.5 - 2])


def test_stores_that_are_no_pair_are_refused(data: Path) -> None:
    store(data / "real")
    with pytest.raises(DatasetError, match=r"renders-real needs the store renders, which is not at .*prepare it"):
        open_pair().source()
    angles = np.full(30, np.nan)
    store(data / "renders", pitch=angles, yaw=angles)
    with pytest.raises(DatasetError, match="cannot be a source: not all of its images are labelled"):
        open_pair().source()
    images = np.zeros((5, 1, 4, 6), np.uint8)
    made = made_of(data / "digits", images, **{"class": np.arange(5)})
    card = (made.path / "card.json").read_text()
    (made.path / "card.json").write_text(card.replace('"GazeTask"', '"ClassTask",\n  "classes": 10'))
    with pytest.raises(DatasetError, match="the two stores have different tasks"):
        pair_of("digits", "real")(StorePairConfig()).source()


def test_an_absent_store_is_named_with_the_way_to_get_it(data: Path) -> None:
    pair = pair_of(Counted, "real")(StorePairConfig())
    with pytest.raises(DatasetError, match=r"counted.*get it from https://example.org/counted .*--from PATH"):
        pair.source()


def test_stores_make_a_dataset_by_their_names(data: Path) -> None:
    store(data / "my-renders")
    store(data / "my-real")
    pair = pair_of_stores("my-renders-my-real")
    assert pair is not None
    assert len(pair(StorePairConfig()).source()) == 27
    assert pair_of_stores("my-renders-my") is None
    assert pair_of_stores("my-renders") is None
