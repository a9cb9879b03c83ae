"""The dataset `pair`: four parts from a user's own files, brought together explicitly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ganzoo_user_images.pair import PARTS, Pair, PairConfig, ganzoo_datasets
from PIL import Image

from ganzoo.configuration.layers import build_config
from ganzoo.errors import ConfigError, DatasetError

EYES = Path(__file__).parents[2].parent / "shared" / "data" / "eyes"
PUBLISHED = (-20.0, 1.5, -18.0, 18.0)  # of MPIIGaze, as docs/data.md states it
RNG = np.random.default_rng(0)
needs_eyes = pytest.mark.skipif(not EYES.is_dir(), reason="shared/data/eyes is not here")


def archive(path: Path, count: int = 8, size: tuple[int, ...] = (4, 6), labelled: bool = True, **more: Any) -> Path:
    image = RNG.integers(0, 256, (count, *size), np.uint8)
    labels = {"gaze_pitchyaw": RNG.uniform(-0.5, 0.5, (count, 2))} if labelled else {}
    np.savez(path, image=image, **{**labels, **more})
    return path


def colour_folder(path: Path, *sizes: tuple[int, int]) -> Path:
    path.mkdir()
    for number, size in enumerate(sizes):
        Image.fromarray(RNG.integers(0, 256, (*size, 3), np.uint8)).save(path / f"{number}.png")
    rows = "".join(f"{number}.png,0.1,0.2\n" for number in range(len(sizes)))
    (path / "labels.csv").write_text("file,pitch,yaw\n" + rows)
    return path


@pytest.fixture
def eyes(tmp_path: Path) -> dict[str, Path]:
    return {
        "source": archive(tmp_path / "source.npz"),
        "target": archive(tmp_path / "target.npz", 10, subject=np.arange(10) // 5),
    }


def test_is_found_as_a_plugin() -> None:
    assert ganzoo_datasets() == [Pair]
    assert Pair.name == "pair"


def test_parts_that_are_not_given_are_absent(eyes: dict[str, Path]) -> None:
    pair = Pair(PairConfig(**eyes))
    assert pair.source_test() is None
    assert pair.target_test() is None
    assert pair.spec().image_shape == (1, 4, 6)


def test_one_file_serves_as_unlabelled_target_and_labelled_test(eyes: dict[str, Path]) -> None:
    target = eyes["target"]
    pair = Pair(PairConfig(source=eyes["source"], target=Path(f"{target}[0:6]"), target_test=Path(f"{target}[6:10]")))
    test = pair.target_test()
    assert test is not None
    with np.load(target) as file:
        np.testing.assert_array_equal(pair.target().images[:, 0], file["image"][:6])
        np.testing.assert_array_equal(test.images[:, 0], file["image"][6:])
        np.testing.assert_allclose(test.labels, file["gaze_pitchyaw"][6:], atol=1e-6)
    assert test.groups is not None
    assert test.groups.tolist() == [1, 1, 1, 1]
    assert pair.card()["target_test_images_also_in_target"] == 0


def test_the_card_counts_test_images_that_a_method_has_seen(eyes: dict[str, Path]) -> None:
    pair = Pair(PairConfig(**eyes, target_test=Path(f"{eyes['target']}[6:10]")))
    assert pair.card()["target_test_images_also_in_target"] == 4


def test_the_source_range_holds_for_source_and_source_test_alone(eyes: dict[str, Path], tmp_path: Path) -> None:
    test = archive(tmp_path / "test.npz", 40)
    pair = Pair(PairConfig(**eyes, source_test=test, target_test=test, source_range=(-15, 15, -20, 20)))
    for part in ("source", "source_test"):
        low_pitch, high_pitch, low_yaw, high_yaw = pair.card()[part]["gaze_range_deg"]
        assert -15 <= low_pitch <= high_pitch <= 15
        assert -20 <= low_yaw <= high_yaw <= 20
        assert pair.card()[part]["images"] < pair.card()[part]["images_before_range"]
    assert len(pair.target()) == 10
    assert pair.card()["target_test"]["images"] == 40


def test_everything_is_brought_to_the_target_by_a_named_rule(eyes: dict[str, Path], tmp_path: Path) -> None:
    folder = colour_folder(tmp_path / "colour", (48, 64), (60, 80))
    with pytest.raises(DatasetError, match=r"source .*x.* RGB, but 4x6 .* grey .*--channels.*--resizer"):
        Pair(PairConfig(source=folder, target=eyes["target"])).source()
    pair = Pair(PairConfig(source=folder, target=eyes["target"], resizer="crop-then-lanczos", channels="grey"))
    assert pair.source().images.shape == (2, 1, 4, 6)
    assert "crop-then-lanczos" in pair.card()["source"]["fitted"]
    assert pair.card()["target"]["fitted"].startswith("none")


def test_stated_sizes_hold_for_every_part(eyes: dict[str, Path]) -> None:
    pair = Pair(PairConfig(**eyes, image_height=8, image_width=10, channels="rgb", resizer="pillow-bilinear"))
    assert pair.spec().image_shape == (3, 8, 10)
    assert pair.target().images.shape == (10, 3, 8, 10)


def test_an_unlabelled_target_is_enough(eyes: dict[str, Path], tmp_path: Path) -> None:
    pair = Pair(PairConfig(source=eyes["source"], target=archive(tmp_path / "bare.npz", labelled=False)))
    assert pair.target().labels is None


def test_settings_come_from_the_command_line_as_text() -> None:
    config = build_config(PairConfig, {"options": {"source": "a b.npz[0:5]", "source_range": "-20,1.5,-18,18"}})
    assert config.source == Path.cwd() / "a b.npz[0:5]"
    assert config.source_range == PUBLISHED


def bad(tmp_path: Path, **changes: Any) -> Pair:
    good = {"source": archive(tmp_path / "s.npz"), "target": archive(tmp_path / "t.npz")}
    return Pair(PairConfig(**{**good, **changes}))


def test_bad_settings_are_refused_in_words(tmp_path: Path) -> None:
    bare = archive(tmp_path / "bare.npz", labelled=False)
    mixed = colour_folder(tmp_path / "mixed", (4, 6), (5, 6))
    for changes, error, says in [
        ({"source": None}, ConfigError, "dataset pair needs --source: a folder"),
        ({"target": None}, ConfigError, "dataset pair needs --target: a folder"),
        ({"source": bare}, DatasetError, "source .*bare.npz must be labelled"),
        ({"source_test": bare}, DatasetError, "source-test .*bare.npz must be labelled"),
        ({"target_test": bare}, DatasetError, "target-test .*bare.npz must be labelled"),
        ({"target_test": tmp_path / "no"}, DatasetError, "--target-test .*no does not exist"),
        (
            {"target": mixed, "channels": "grey", "resizer": "pillow-lanczos"},
            ConfigError,
            "give --image-height and --image-width",
        ),
        ({"target": mixed, "channels": "grey"}, DatasetError, r"1 of 2 \(\d.png\) images are .*--resizer"),
        ({"image_height": 40}, DatasetError, "4x6 .*but 40x6 .*--resizer"),
        ({"source_range": (1, -1, 0, 1)}, ConfigError, "each minimum at most its maximum"),
        ({"source_range": (80, 90, 0, 1)}, ConfigError, "source: 0 of 8 images lie in the gaze range 80,90,0,1"),
        ({"source": tmp_path / "s.npz[0:99]"}, DatasetError, "there are only 8 images"),
        ({"source": tmp_path / "s.npz[all]"}, ConfigError, "Python slice"),
    ]:
        pair = bad(tmp_path, **changes)
        with pytest.raises(error, match=says):
            [getattr(pair, part)() for part in PARTS]


@needs_eyes
def test_the_real_pair_with_the_published_range() -> None:
    real = EYES / "mpiigaze_p00.npz"
    pair = Pair(
        PairConfig(
            source=EYES / "rendered.npz",
            target=Path(f"{real}[0:1000]"),
            target_test=Path(f"{real}[1000:2000]"),
            source_range=PUBLISHED,
        )
    )
    assert pair.spec().image_shape == (1, 36, 60)
    assert len(pair.source()) == 1718
    low_pitch, high_pitch, low_yaw, high_yaw = pair.card()["target_test"]["gaze_range_deg"]
    assert PUBLISHED[0] < low_pitch < high_pitch < PUBLISHED[1] + 0.2  # one of 2,000 lies 0.12 degrees above
    assert PUBLISHED[2] < low_yaw < high_yaw < PUBLISHED[3]


@needs_eyes
def test_genuine_unityeyes_images_adapt_to_real_ones() -> None:
    config = PairConfig(
        source=EYES / "unityeyes_sample",
        target=EYES / "mpiigaze_p00.npz",
        channels="grey",
        resizer="crop-then-lanczos",
    )
    assert Pair(config).source().images.shape == (4, 1, 36, 60)


def test_people_of_the_target_are_kept_for_the_test(eyes: dict[str, Path]) -> None:
    pair = Pair(PairConfig(**eyes, test_people=(1,)))
    whole = np.load(eyes["target"])
    np.testing.assert_array_equal(pair.target().images[:, 0], whole["image"][:5])
    test = pair.target_test()
    assert test is not None
    np.testing.assert_array_equal(test.images[:, 0], whole["image"][5:])
    assert set(np.asarray(test.groups)) == {1}


def people_pair(tmp_path: Path, people: list[Any], *test_people: str) -> Pair:
    """A target of two images of each person."""
    names = [name for name in people for _ in range(2)]
    target = archive(tmp_path / "people.npz", len(names), person=np.array(names))
    source = archive(tmp_path / "renders.npz")
    options = {"source": str(source), "target": str(target), "test_people": ",".join(test_people)}
    return Pair(build_config(PairConfig, {"options": options}))


@pytest.mark.parametrize(
    ("people", "chosen", "rows"),
    [
        (["p10", "p00", "p01", "p03", "p04"], ["p03"], [6, 7]),
        (["p00", "p01", "p03", "p04"], ["p04", "p00"], [0, 1, 6, 7]),
        (["01", "1", "3"], ["1"], [2, 3]),
        ([10, 3, 4], ["3"], [2, 3]),
        ([3.0, 10.0], ["10"], [2, 3]),
        (["Ze\u0301", "Al"], ["Z\u00e9"], [0, 1]),
    ],
)
def test_people_are_named_as_the_labels_name_them(
    tmp_path: Path, people: list[Any], chosen: list[str], rows: list[int]
) -> None:
    pair = people_pair(tmp_path, people, *chosen)
    images = np.load(tmp_path / "people.npz")["image"]
    test = pair.target_test()
    assert test is not None
    np.testing.assert_array_equal(test.images[:, 0], images[rows])
    np.testing.assert_array_equal(pair.target().images[:, 0], np.delete(images, rows, 0))


def test_a_number_names_nobody_where_people_have_names(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no person 3; it has only p00, p03, p10"):
        people_pair(tmp_path, ["p00", "p03", "p10"], "3").target_test()


def test_labels_that_name_nobody_cannot_be_split_by_people(eyes: dict[str, Path], tmp_path: Path) -> None:
    bare = archive(tmp_path / "bare.npz")
    with pytest.raises(ConfigError, match="do not name the people"):
        Pair(PairConfig(source=eyes["source"], target=bare, test_people=("1",))).target()


def test_the_card_says_who_tests(tmp_path: Path) -> None:
    assert people_pair(tmp_path, ["p00", "p3", "p10"], "p10", "p3").card()["test_people"] == ["p3", "p10"]


def test_the_card_says_whose_images_the_target_test_has(eyes: dict[str, Path]) -> None:
    assert Pair(PairConfig(**eyes, target_test=eyes["target"])).card()["test_people"] == ["0", "1"]


def test_images_of_an_inner_folder_that_are_also_in_the_target_are_counted(tmp_path: Path) -> None:
    for person in ("p00", "p01"):
        (tmp_path / "eyes" / person).mkdir(parents=True)
        for number in range(2):
            image = tmp_path / "eyes" / person / f"{number}.png"
            Image.fromarray(RNG.integers(0, 256, (4, 6), np.uint8)).save(image)
            image.with_suffix(".json").write_text('{"gaze_pitchyaw": [0.1, 0.2]}')
    parts = {"target": tmp_path / "eyes/**", "target_test": tmp_path / "eyes" / "p01"}
    card = Pair(PairConfig(source=archive(tmp_path / "s.npz"), **parts)).card()
    assert card["target"]["images"] == 4
    assert card["target_test_images_also_in_target"] == 2


@pytest.mark.parametrize(
    ("people", "more", "says"),
    [
        ((7,), {}, "has no person 7; it has only 0, 1"),
        ((0, 1), {}, "nobody is left for training"),
        ((0,), {"target_test": Path("x.npz")}, "not both"),
    ],
)
def test_people_that_cannot_be_kept_are_refused(eyes: dict[str, Path], people: Any, more: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Pair(PairConfig(**eyes, test_people=people, **more)).target_test()


def test_intensity_is_matched_by_one_line_for_all_source_images(tmp_path: Path) -> None:
    dim = RNG.normal(60, 10, (50, 4, 6)).clip(0, 255).astype(np.uint8)
    bright = RNG.normal(150, 25, (50, 4, 6)).clip(0, 255).astype(np.uint8)
    for name, image in {"source": bright, "target": dim}.items():
        np.savez(tmp_path / f"{name}.npz", image=image, gaze_pitchyaw=np.zeros((50, 2)))
    files = {name: tmp_path / f"{name}.npz" for name in ("source", "target")}
    pair = Pair(PairConfig(**files, match_intensity=True))
    made = pair.source().images[:, 0]
    assert made.mean() == pytest.approx(dim.mean(), abs=0.1)
    assert made.std() == pytest.approx(dim.std(), abs=0.1)
    line = np.polyfit(bright.ravel(), made.ravel(), 1)
    assert np.abs(np.polyval(line, bright.ravel()) - made.ravel()).max() < 1
    np.testing.assert_array_equal(pair.target().images[:, 0], dim)
