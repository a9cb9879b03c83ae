"""Files and folders may have any name that the file system takes, and no name or link leads out of a folder."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from applying.test_refining import refine
from click.testing import Result
from ganzoo_gaze_data.folder import Folder, FolderConfig
from PIL import Image

from ganzoo.benchmark.suite import parse_suite
from ganzoo.errors import ConfigError, DatasetError, GanzooError, printable
from ganzoo.files.collection import open_images, read_domain
from ganzoo.files.fit import Fit
from ganzoo.files.location import Location
from ganzoo.files.output import MANIFEST
from ganzoo.report.html import picture_file
from ganzoo.stores.prepare import prepare
from ganzoo.stores.sheet import contact_sheet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems forbid some of these names")
NAMES = (
    "with space",
    "two\nlines",
    "Auge 目 é 😀",
    "x" * 251,
    "[red]a[dim]",
    'a,"b"',
    "-n",
    "$x^{$",
    "%s{0}",
    "a\x1b[2Jb",
)
OTHER_ENCODING = os.fsdecode(b"caf\xe9")  # Latin-1


def folder_of(folder: Path, names: tuple[str, ...]) -> Path:
    """Images whose grey is their place in `names`, and labels."""
    folder.mkdir()
    with (folder / "labels.csv").open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "pitch", "yaw"])
        for grey, name in enumerate(names):
            Image.fromarray(np.full((4, 6), grey, np.uint8)).save(folder / f"{name}.png")
            rows.writerow([f"{name}.png", 0.01 * grey, 0])
    return folder


def test_images_of_any_name_are_read_with_their_labels(tmp_path: Path) -> None:
    images = open_images(folder_of(tmp_path / "eyes", NAMES), "--source")
    domain = read_domain("source", images, Location(images.path), Fit((4, 6, 1)), labelled=True)
    assert domain.labels is not None
    np.testing.assert_allclose(domain.labels[:, 0], 0.01 * domain.images[:, 0, 0, 0], atol=1e-6)
    assert len(domain) == len(NAMES)


def test_images_of_any_name_are_refined_under_the_same_name(tmp_path: Path) -> None:
    names = (*NAMES, OTHER_ENCODING)
    folder = folder_of(tmp_path / "eyes", names)
    refine(folder, tmp_path / "out")
    for grey, name in enumerate(names):
        assert np.asarray(Image.open(tmp_path / "out" / f"{name}.png")).max() == 255 - grey
    assert (tmp_path / "out" / "labels.csv").read_bytes() == (folder / "labels.csv").read_bytes()
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["sha256"].keys() == {f"{name}.png" for name in names}
    refine(folder, tmp_path / "out")  # it is known again, and left as it is


@pytest.mark.parametrize("name", ["two\nlines", "y" * 255, "目"])
def test_images_of_any_name_become_a_store_of_any_name(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path / "eyes", NAMES)
    store = prepare(Folder(FolderConfig(), folder), tmp_path / name, jobs=1, quiet=True)
    assert set(store.column("file")) == {f"{each}.png" for each in NAMES}
    contact_sheet(store, store.path / "sheet.png")


def test_a_store_names_a_file_of_another_encoding_by_its_bytes(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "eyes", (OTHER_ENCODING,))
    (folder / "labels.csv").unlink()
    store = prepare(Folder(FolderConfig(), folder), tmp_path / "store", jobs=1, quiet=True)
    assert store.column("file").tolist() == ["caf\\udce9.png"]


@pytest.mark.parametrize("name", ["two\nlines", "z" * 255, "a [0:1] b", "$x^{$ <b>"])
def test_runs_take_folders_of_any_name(ganzoo: Callable[..., Result], tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path / name, NAMES)
    out = tmp_path / "out" / name
    arguments = ["run", "identity", "--dataset", "pair", "--source", folder, "--target", folder, "--steps", 1]
    for _ in range(2):  # the second time it is found complete
        result = ganzoo(*arguments, "--metrics", "label-drift", "--out", out, "--batch-size", 2)
        assert result.exit_code == 0, result.output
    assert ganzoo("runs", "show", out).exit_code == 0


def test_a_path_that_run_toml_cannot_hold_is_refused_in_words(ganzoo: Callable[..., Result], tmp_path: Path) -> None:
    folder = folder_of(tmp_path / OTHER_ENCODING, ("a", "b"))
    result = ganzoo("run", "identity", "--dataset", "pair", "--source", folder, "--target", folder)
    assert result.exit_code == 2
    assert "must be valid UTF-8" in result.output


@pytest.mark.parametrize("path", ["w" * 300, "a\0b", "n/" * 3000])
def test_a_path_that_cannot_be_is_said_not_to_exist(path: str) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        open_images(Location.parse(Path(path)).path, "--source")


def test_an_error_stays_in_its_line_and_cannot_steer_the_terminal() -> None:
    assert str(GanzooError("a\nb \x1b[2J \udce9 é 目")) == r"a\nb \x1b[2J \udce9 é 目"
    assert len(str(GanzooError("x" * 10**6))) < 2000
    assert printable("as it is") == "as it is"


@pytest.mark.parametrize("name", ["labels.csv", "a.json"])
def test_labels_that_are_a_link_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path / "eyes", ("a",))
    (folder / "labels.csv").rename(tmp_path / "secret")
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(DatasetError, match=rf"{name}: it is a link (that leads )?out of the folder"):
        open_images(folder, "--source").columns()
    with pytest.raises(DatasetError, match=r"a link (that leads )?out"):
        refine(folder, tmp_path / "out")
    with pytest.raises(DatasetError, match=r"a link (that leads )?out"):
        prepare(Folder(FolderConfig(), folder), tmp_path / "store", jobs=1, quiet=True)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "eyes", ("a",))
    (folder / "labels.csv").rename(folder / "gaze.csv")
    (folder / "labels.csv").symlink_to("gaze.csv")
    assert open_images(folder, "--source").columns().labels is not None


@pytest.mark.parametrize("made", [os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_never_ends_is_not_read(tmp_path: Path, made: Callable[[Path], Any]) -> None:
    made(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=r"a\.png is not a readable file"):
        _ = open_images(tmp_path, "--source").shapes


@pytest.mark.parametrize("name", ["../outside", "/tmp/x", "..", "a\nb", "c" * 300])
def test_the_name_of_a_suite_leads_nowhere(name: str) -> None:
    with pytest.raises(ConfigError, match="plain name"):
        parse_suite({"name": name, "images": 1, "methods": {"identity": {}}, "datasets": {"pair": {}}}, "s", "s.toml")


def test_a_page_takes_no_picture_through_a_link_and_nothing_but_a_picture(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "good.png")
    (tmp_path / "text.png").write_text("password")
    assert "base64" in picture_file(tmp_path / "good.png", "")
    for name in ("link.png", "text.png", "absent.png"):
        assert picture_file(tmp_path / name, "") == ""
