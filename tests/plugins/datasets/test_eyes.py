"""The dataset `eyes`: its splits, its settings and its cache."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ganzoo_eyes
import numpy as np
import pytest
import torch
from ganzoo_eyes import Eyes, EyesConfig, cache
from ganzoo_eyes.split import Split

from ganzoo.batch import Column
from ganzoo.dataset import Domain, spec_of
from ganzoo.errors import DatasetError

SMALL: dict[str, Any] = {"source_size": 60, "source_test_size": 40, "target_size": 90, "target_test_size": 40}
DOMAINS = ("source", "source_test", "target", "target_test")


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cached(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(cache_folder))


def eyes(**settings: Any) -> Eyes:
    return Eyes(EyesConfig(**{**SMALL, **settings}))


def within(domain: Domain, range_deg: tuple[float, ...]) -> bool:
    assert domain.labels is not None
    pitch, yaw = np.rad2deg(domain.labels).T
    low_pitch, high_pitch, low_yaw, high_yaw = range_deg
    return bool(
        (pitch >= low_pitch - 1e-3).all()
        and (pitch <= high_pitch + 1e-3).all()
        and (yaw >= low_yaw - 1e-3).all()
        and (yaw <= high_yaw + 1e-3).all()
    )


def test_the_plugin_declares_one_dataset() -> None:
    assert ganzoo_eyes.ganzoo_datasets() == [Eyes]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["source", "target"])
def test_a_row_is_the_same_whatever_is_drawn_beside_it(name: str, channels: int) -> None:
    split = eyes(channels=channels)._split(name)
    together, labels = split.draw(torch.arange(96))
    for rows in ([5, 77], [95], list(range(31, 96, 3))):
        images, some = split.draw(torch.tensor(rows))
        assert torch.equal(images, together[rows])
        for column, values in some.items():
            assert torch.equal(values, labels[column][rows]), column


def test_a_row_does_not_depend_on_the_size_of_its_split() -> None:
    few, many = eyes(target_size=30).target(), eyes().target()
    np.testing.assert_array_equal(few.images, many.images[:30])


def test_splits_and_seeds_show_different_eyes() -> None:
    dataset = eyes()
    domains = [getattr(dataset, name)() for name in DOMAINS] + [eyes(data_seed=1).source(), eyes(data_seed=1).target()]
    assert len({domain.images[:30].tobytes() for domain in domains}) == len(domains)


def test_no_person_is_in_two_domains_or_in_target_training_and_test() -> None:
    dataset = eyes(target_people=30, target_test_people=10)
    source, target, test = ({*np.unique(d.groups)} for d in (dataset.source(), dataset.target(), dataset.target_test()))
    assert (len(target), len(test)) == (30, 10)
    assert not target & test
    assert not source & (target | test)


def test_domains_hold_what_the_contract_says() -> None:
    dataset = eyes()
    for name in DOMAINS:
        domain = getattr(dataset, name)()
        assert domain.name == name
        assert len(domain) == SMALL[f"{name}_size"]
        assert domain.images.dtype == np.uint8
        assert isinstance(domain.images, np.memmap)
        assert domain.labels.dtype == np.float32
        assert dataset.task.problem(domain.labels) is None
        assert domain.groups.dtype == np.int64
        assert {k: v.shape[1:] for k, v in domain.extra.items()} == {
            "head_pose": (2,), "pupil_center": (2,), "iris_center": (2,), "lid_landmarks": (12, 2),
            **({"twin": (1, 35, 55)} if name == "source_test" else {}),
        }  # fmt: skip
        assert all(np.isfinite(column).all() for column in domain.extra.values())


def test_a_twin_is_the_same_eye_in_another_style() -> None:
    split = eyes()._split("source_test")
    twin = replace(split, look="twin", equalize=True)
    index = torch.arange(40)
    (images, labels), (others, same) = split.draw(index), twin.draw(index)
    assert all(torch.equal(labels[column], same[column]) for column in labels), "gaze, pupil, iris, lids, to the bit"
    assert twin.scene(index).photography is not None
    assert (images.float() - others.float()).abs().mean(dim=(1, 2, 3)).min() > 5
    np.testing.assert_array_equal(eyes().source_test().extra["twin"], others.numpy())


def test_twins_change_no_image_and_no_training_data_hold_them() -> None:
    dataset = eyes()
    images, _ = dataset._split("source_test").draw(torch.arange(40))
    np.testing.assert_array_equal(dataset.source_test().images, images.numpy())
    assert not [name for name in ("source", "target", "target_test") if "twin" in getattr(dataset, name)().extra]
    assert not [name for name in dataset.spec().columns if "twin" in name], "so no method can name it"


def test_a_source_range_keeps_each_image_with_its_twin() -> None:
    whole, part = eyes().source_test(), eyes(source_range=(-15.0, 0.0, -10.0, 10.0)).source_test()
    twin_of = {image.tobytes(): twin.tobytes() for image, twin in zip(whole.images, whole.extra["twin"], strict=True)}
    assert all(twin_of[i.tobytes()] == t.tobytes() for i, t in zip(part.images, part.extra["twin"], strict=True))


def test_the_default_is_simgans_size_in_grey() -> None:
    assert eyes().spec().image_shape == (1, 35, 55)


def test_other_sizes_and_colour_are_options() -> None:
    dataset = eyes(height=48, width=80, channels=3, source_size=20, target_size=20)
    assert dataset.spec().image_shape == (3, 48, 80)
    assert (np.ptp(dataset.target().images.astype(int), axis=1) > 8).any()  # not grey in three copies


def test_labels_stay_in_the_ranges_that_the_card_states() -> None:
    dataset = eyes()
    card = dataset.card()
    assert within(dataset.source(), card["source_gaze_range_deg"])
    assert within(dataset.target(), card["target_gaze_range_deg"])
    assert within(dataset.target_test(), card["target_gaze_range_deg"])


def test_the_matched_source_covers_the_targets_range_closely_and_the_wide_one_goes_far_beyond() -> None:
    target = np.array(eyes().card()["target_gaze_range_deg"])
    outwards = np.array([-1, 1, -1, 1])
    spare = {
        gaze: (np.array(eyes(source_gaze=gaze).card()["source_gaze_range_deg"]) - target) * outwards
        for gaze in ("matched", "wide")
    }
    assert (spare["matched"] >= 0).all()
    assert (spare["matched"] <= 3).all()
    assert (spare["wide"] >= 10).all()
    assert not within(eyes(source_gaze="wide").source(), tuple(target + 3 * outwards))


def test_a_source_range_keeps_the_rows_within_it_and_leaves_the_target_alone() -> None:
    wanted = (-10.0, 0.0, -8.0, 8.0)
    dataset = eyes(source_range=wanted)
    assert 2 <= len(dataset.source()) < SMALL["source_size"]
    assert within(dataset.source(), wanted)
    assert within(dataset.source_test(), wanted)
    assert len(dataset.target()) == SMALL["target_size"]
    assert dataset.card()["source_range_deg"] == wanted


def test_the_targets_histograms_are_flat_and_the_sources_by_choice() -> None:
    def spread(domain: Domain) -> float:
        return float(np.std(np.asarray(domain.images).reshape(len(domain), -1), axis=1).mean())

    flat = 255 / 12**0.5  # of a uniform law
    assert abs(spread(eyes().target()) - flat) < 4
    assert abs(spread(eyes().source()) - flat) < 4
    assert spread(eyes(equalize_source=False).source()) < 0.75 * flat


def test_a_second_look_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first = np.array(eyes().source().images)
    monkeypatch.setattr(Split, "draw", None)
    np.testing.assert_array_equal(eyes().source().images, first)


def test_an_interrupted_drawing_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    draw = Split.draw

    def interrupted(self: Split, index: torch.Tensor) -> Any:
        if index[0] > 0:
            raise KeyboardInterrupt
        return draw(self, index)

    monkeypatch.setattr(Split, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        eyes().source()
    assert list((tmp_path / "datasets").iterdir()) == []
    monkeypatch.setattr(Split, "draw", draw)
    assert len(eyes().source()) == SMALL["source_size"]


def test_two_that_draw_the_same_at_once_both_end_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: np.array(eyes().source().images), range(2))
    np.testing.assert_array_equal(one, other)
    assert len(list((tmp_path / "datasets").iterdir())) == 1


def test_too_little_space_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DatasetError, match=r"source needs .* MiB in .* GANZOO_CACHE"):
        eyes().source()
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"cannot write .* GANZOO_CACHE"):
        eyes().source()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_one_sentence() -> None:
    with pytest.raises(DatasetError, match="render_device is cuda"):
        eyes(render_device="cuda").source()


def test_the_spec_is_that_of_the_domains_and_is_known_without_drawing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    sizes = {"source_size": 4, "target_size": 3, "source_people": 2, "target_people": 2}
    drawn = Eyes(EyesConfig(**sizes, height=20, width=32, channels=3))
    said = drawn.spec()
    assert not (tmp_path / "cache").exists()
    assert said == spec_of(drawn.source(), drawn.target(), drawn.task)
    assert said.column("source_pupil_center") == Column((2,), "vector")
