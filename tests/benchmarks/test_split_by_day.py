"""The script that splits one person's images by day."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from ganzoo_user_images.pair import Pair, PairConfig

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from split_by_day import main, near_duplicates  # noqa: E402  # scripts are not a package

RNG = np.random.default_rng(0)
DAYS = (3, 1, 2, 1, 3, 2)


@pytest.fixture
def images(tmp_path):
    pixels = RNG.integers(0, 256, (6, 4, 6), np.uint8)
    np.savez(
        tmp_path / "eyes.npz", image=pixels, gaze_pitchyaw=RNG.uniform(-0.3, 0.3, (6, 2)), subject=np.zeros(6, int)
    )
    rows = [f"{row},{row},day{day:02d}/{row:04d}.jpg,left" for row, day in enumerate(DAYS)]
    (tmp_path / "names.csv").write_text("\n".join(["npz_row,list_row,image,side", *reversed(rows)]) + "\n")
    return tmp_path


def run(folder, *more, last="2", out="parts"):
    given = ["--images", folder / "eyes.npz", "--names", folder / "names.csv", "--last-target-day", last]
    return main([str(argument) for argument in [*given, "--out", folder / out, *more]])


def test_target_and_test_are_of_different_days_and_hold_every_row_once_in_order(images):
    assert run(images) == 0
    whole = np.load(images / "eyes.npz")
    day = np.array(DAYS)
    for part, rows in (("target", day <= 2), ("target_test", day > 2)):
        found = np.load(images / "parts" / f"{part}.npz")
        assert (found["day"] == day[rows]).all()
        assert all((found[key] == whole[key][rows]).all() for key in whole)


def test_pair_reads_both_parts(images):
    run(images)
    parts = images / "parts"
    pair = Pair(
        PairConfig(source=images / "eyes.npz", target=parts / "target.npz", target_test=parts / "target_test.npz")
    )
    assert (len(pair.target()), len(pair.target_test())) == (4, 2)


@pytest.mark.parametrize(("last", "what"), [("0", "the target"), ("3", "the test")])
def test_a_day_that_leaves_one_part_empty_is_refused_with_the_days_there_are(images, capsys, last, what):
    assert run(images, last=last) == 1
    message = capsys.readouterr().err
    assert f"leaves no day for {what}" in message
    assert "of days 1 to 3" in message


@pytest.mark.parametrize("table", ["", "a,b\n1,2\n", "npz_row,image\n0,day01/0.jpg\n"])
def test_a_table_that_does_not_name_every_row_once_is_refused(images, capsys, table):
    (images / "names.csv").write_text(table)
    assert run(images) == 1
    assert "names.csv" in capsys.readouterr().err


def test_a_name_without_a_day_is_refused(images, capsys):
    (images / "names.csv").write_text("npz_row,image\n" + "".join(f"{row},{row}.jpg\n" for row in range(6)))
    assert run(images) == 1
    assert "not named by its day" in capsys.readouterr().err


def test_nothing_is_written_into_the_repository(images):
    with pytest.raises(SystemExit) as stopped:
        run(images, "--out", str(ROOT / "data"))
    assert stopped.value.code == 2
    assert not (ROOT / "data").exists()


def test_near_duplicates_are_counted_regardless_of_brightness_and_contrast():
    target = RNG.integers(0, 100, (5, 8, 8), np.uint8)
    brighter = (target[:1] * 2 + 10).astype(np.uint8)
    assert near_duplicates(target, np.concatenate([brighter, RNG.integers(0, 100, (3, 8, 8), np.uint8)])) == 0.25
