"""`ganzoo data`: from raw files to a store that a person has looked at, and sentences where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

PLUGIN = Path(__file__).parents[1] / "counted_plugin.py"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("GANZOO_DATA", str(folder))
    return folder


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Forty images in the layout of MNIST's npz."""
    random = np.random.default_rng(0)
    parts = {f"x_{split}": random.integers(0, 256, (20, 28, 28), np.uint8) for split in ("train", "test")}
    np.savez(tmp_path / "mnist.npz", **parts, y_train=np.arange(20) % 10, y_test=np.arange(20) % 10)
    return tmp_path / "mnist.npz"


def test_an_archive_becomes_a_store_that_is_listed_shown_and_verified(ganzoo, data, digits):
    assert "not prepared" in ganzoo("data", "list").output
    prepared = ganzoo("data", "prepare", "mnist", "--from", digits)
    assert prepared.exit_code == 0, prepared.output
    assert f"40 images in {data / 'mnist'}" in prepared.output
    assert (data / "mnist" / "contact-sheet.png").is_file()
    assert "prepared, 40 images" in ganzoo("data", "list").output
    assert "license" in ganzoo("data", "info", "mnist").output
    assert "40 images, all consistent with its card" in ganzoo("data", "verify", "mnist").output
    shown = ganzoo("data", "show", data / "mnist", "--rows", 1, "--columns", 2, "--out", "two.png")
    assert shown.output == "two.png\n"
    assert Path("two.png").is_file()


def test_the_same_command_again_does_not_overwrite(ganzoo, digits):
    ganzoo("data", "prepare", "mnist", "--from", digits)
    again = ganzoo("data", "prepare", "mnist", "--from", digits)
    assert again.exit_code == 2
    assert "mnist exists; give another folder, or delete it first" in again.output


def test_a_store_in_a_folder_of_ones_own(ganzoo, data, digits):
    ganzoo("data", "prepare", "mnist", "--from", digits, "--to", "stores/mine")
    assert json.loads(Path("stores/mine/card.json").read_text())["images"] == 40
    assert not data.exists()
    assert ganzoo("data", "verify", "stores/mine").exit_code == 0


def test_a_damaged_store_fails_verification_and_does_not_break_the_list(ganzoo, data, digits):
    ganzoo("data", "prepare", "mnist", "--from", digits)
    with (data / "mnist" / "images.npy").open("r+b") as images:
        images.seek(200)
        images.write(b"xx")
    verified = ganzoo("data", "verify", "mnist")
    assert verified.exit_code == 1
    assert "images.npy has a different checksum than the card" in verified.output
    (data / "mnist" / "card.json").write_text("{")
    listed = ganzoo("data", "list")
    assert listed.exit_code == 0
    assert "damaged; prepare it again" in listed.output


def test_user_mistakes_are_one_sentence(ganzoo, digits):
    for line, says, code in [
        ("data prepare mnst --from x", "there is no archive 'mnst'; did you mean 'mnist'?", 2),
        ("data prepare mnist --from absent", "--from absent does not exist; it must be PATH (the folder", 1),
        ("data prepare mnist", "Missing option '--from'", 2),
        ("data verify mnist", "mnist is not prepared; ganzoo data download mnist, or get it from", 1),
        ("data info mine", "there is no store 'mine'", 1),
        ("data download mnistm", "mnistm is not downloaded automatically: get it from", 2),
        ("data download absent", "there is no archive 'absent'", 2),
    ]:
        result = ganzoo(*line.split())
        assert result.exit_code == code, result.output
        assert says in result.output
        assert "Traceback" not in result.output


def test_help_lists_archives_and_their_options(ganzoo):
    assert "MNIST: handwritten digits" in ganzoo("data", "prepare", "--help").output
    text = ganzoo("data", "prepare", "mnistm", "--help").output
    for says in ("--from", "--seed", "BSDS500", "Licence"):
        assert says in text


def test_an_archive_of_a_plugin_file_is_prepared(ganzoo, data):
    prepared = ganzoo("data", "prepare", "counted", "--from", ".", "--pieces", 2, "--plugin", PLUGIN)
    assert prepared.exit_code == 0, prepared.output
    assert "2 images or whole files were skipped; the first: piece 0 row 3: too dark" in prepared.output
    assert json.loads((data / "counted" / "card.json").read_text())["settings"]["pieces"] == 2
