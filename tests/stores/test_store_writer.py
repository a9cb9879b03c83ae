"""A store is complete or absent, whatever happens while it is written, and an interrupted one is resumed."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from counted import Counted, CountedConfig, contents

from ganzoo.errors import DatasetError, GanzooError, UsageError
from ganzoo.files.archive import Piece
from ganzoo.files.store import Store, is_store
from ganzoo.stores.prepare import prepare
from ganzoo.stores.writer import IDENTITY, JOURNAL, PARTS, StoreWriter

IDENTITY_OF_A = {"archive": "a"}


def write(path: Path, count: int, identity: dict[str, str] = IDENTITY_OF_A, finish: bool = True) -> StoreWriter:
    """The first `count` pieces of the counted archive, after those that are there."""
    archive = Counted(CountedConfig(pieces=count), path.parent)
    writer = StoreWriter(path, identity, archive.image_shape)
    with writer.open() as done:
        for name in archive.pieces()[len(done) :]:
            writer.write(name, archive.read(name))
    if finish:
        writer.finish({"spec": {"channels": 1, "height": 2, "width": 4, "task": "GazeTask"}})
    return writer


def test_a_store_holds_what_was_written(tmp_path: Path) -> None:
    write(tmp_path / "store", 3)
    store = Store(tmp_path / "store")
    assert store.images[:, 0, 0, 0].tolist() == list(range(9))
    np.testing.assert_allclose(store.column("yaw"), -np.arange(9) / 100)
    assert store.column("landmarks").tolist() == [[n, n + 1] for n in range(9)]
    assert store.card["images"] == 9
    assert store.card["skipped"] == 3
    assert store.card["skipped_reasons"] == {"too dark": 3}
    assert set(store.card["inputs"]) == {"piece 0", "piece 1", "piece 2"}
    assert sorted(path.name for path in store.path.iterdir()) == ["card.json", "images.npy", "labels.parquet"]


def test_the_image_file_is_one_that_numpy_reads(tmp_path: Path) -> None:
    write(tmp_path / "store", 2)
    assert np.load(tmp_path / "store" / "images.npy").shape == (6, 1, 2, 4)


def test_going_on_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "once", 5)
    for count in (1, 3):
        write(tmp_path / "twice", count, finish=False)
        assert not is_store(tmp_path / "twice")
    write(tmp_path / "twice", 5)
    assert contents(tmp_path / "once") == contents(tmp_path / "twice")


@pytest.mark.parametrize("torn", [b'{"name": "piece 2", "ro', b"\0\0\0\0\n", b'{"name": "pie\n'])
def test_a_torn_line_of_the_journal_does_not_count(tmp_path: Path, torn: bytes) -> None:
    write(tmp_path / "once", 4)
    write(tmp_path / "torn", 2, finish=False)
    aside = tmp_path / "torn.partial"
    with (aside / JOURNAL).open("ab") as journal:
        journal.write(torn)
    with (aside / "images.npy").open("ab") as images:
        images.write(b"half a piece")
    (aside / PARTS / "0000002.parquet").write_bytes(b"half a table")
    write(tmp_path / "torn", 4)
    assert contents(tmp_path / "once") == contents(tmp_path / "torn")


def test_another_identity_is_refused_and_named(tmp_path: Path) -> None:
    write(tmp_path / "store", 2, finish=False)
    with pytest.raises(UsageError, match=r"store.partial was started with a different archive; delete it"):
        write(tmp_path / "store", 2, {"archive": "b"})


def test_a_store_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "store", 2)
    before = contents(tmp_path / "store")
    with pytest.raises(UsageError, match="store exists; give another folder, or delete it first"):
        write(tmp_path / "store", 3)
    assert contents(tmp_path / "store") == before


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "store.partial"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match=r"store.partial is damaged, or not ganzoo's"):
        write(tmp_path / "store", 2)
    assert (folder / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("made", [(), (PARTS,), (PARTS, "images.npy"), (PARTS, "images.npy", IDENTITY)])
def test_a_folder_that_was_just_being_made_is_made_again(tmp_path: Path, made: tuple[str, ...]) -> None:
    aside = tmp_path / "store.partial"
    aside.mkdir()
    for name in made:
        (aside / name).mkdir() if name == PARTS else (aside / name).touch()
    write(tmp_path / "store", 1)
    assert len(Store(tmp_path / "store")) == 3


def test_images_shorter_than_the_journal_says_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "store", 2, finish=False)
    with (tmp_path / "store.partial" / "images.npy").open("r+b") as images:
        images.truncate(140)
    with pytest.raises(UsageError, match=r"is damaged: images.npy is shorter than its journal says; delete it"):
        write(tmp_path / "store", 3)


def test_a_kill_after_the_store_has_its_name_leaves_nothing_to_do_but_to_tidy_up(tmp_path: Path) -> None:
    writer = write(tmp_path / "store", 2)
    whole = contents(tmp_path / "store")
    assert not writer.was_finished()  # nothing is left
    for left in (IDENTITY, JOURNAL):
        (tmp_path / "store" / left).write_text(json.dumps(IDENTITY_OF_A))
    (tmp_path / "store" / PARTS).mkdir()
    assert not StoreWriter(tmp_path / "store", {"archive": "b"}, (1, 2, 4)).was_finished()
    assert writer.was_finished()
    assert contents(tmp_path / "store") == whole


def test_two_writers_do_not_fill_one_folder(tmp_path: Path) -> None:
    first = StoreWriter(tmp_path / "store", IDENTITY_OF_A, (1, 2, 4))
    second = StoreWriter(tmp_path / "store", IDENTITY_OF_A, (1, 2, 4))
    with first.open(), pytest.raises(GanzooError, match="is in use by another process"), second.open():
        pass


def test_a_store_without_an_image_is_not_made(tmp_path: Path) -> None:
    archive = Counted(CountedConfig(pieces=2, empty=(0, 1)), tmp_path)
    with pytest.raises(DatasetError, match="no image can be used; the first reason: piece 0: nothing to see"):
        prepare(archive, tmp_path / "store", quiet=True)
    assert not (tmp_path / "store").exists()


def test_pieces_that_break_the_contract_are_refused(tmp_path: Path) -> None:
    for piece, says in [
        (Piece(np.zeros((2, 1, 2, 5), np.uint8), {}), r"images must be uint8 \[N, 1, 2, 4\]"),
        (Piece(np.zeros((2, 1, 2, 4), np.float32), {}), "images must be uint8"),
        (Piece(np.zeros((2, 1, 2, 4), np.uint8), {"pitch": np.zeros(3)}), "2 images, but columns of other lengths"),
    ]:
        writer = StoreWriter(tmp_path / "store", IDENTITY_OF_A, (1, 2, 4))
        with writer.open(), pytest.raises(DatasetError, match=says):
            writer.write("odd", piece)


def test_pieces_with_different_columns_are_refused(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", IDENTITY_OF_A, (1, 2, 4))
    images = np.zeros((1, 1, 2, 4), np.uint8)
    with writer.open():
        writer.write("one", Piece(images, {"pitch": np.zeros(1)}))
        writer.write("two", Piece(images, {"yaw": np.zeros(1)}))
    with pytest.raises(DatasetError, match="pieces have different columns"):
        writer.finish({})
    assert not is_store(tmp_path / "store")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk on which no file grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 150, 3_000])  # the identity's, the images', the table's
def test_a_full_disk_is_one_sentence_and_the_same_command_goes_on(tmp_path: Path, size: int) -> None:
    write(tmp_path / "once", 12)
    with (
        files_of_at_most(size),
        pytest.raises(GanzooError, match=r"store.partial.* cannot be written: .*File too large"),
    ):
        write(tmp_path / "store", 12)
    assert not (tmp_path / "store").exists()
    write(tmp_path / "store", 12)
    assert contents(tmp_path / "once") == contents(tmp_path / "store")


def test_a_killed_preparation_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    def run(name: str, killed: int) -> int:
        code = (
            "import sys, pathlib; from counted import *; from ganzoo.stores.prepare import prepare\n"
            f"archive = Counted(CountedConfig(pieces=6), pathlib.Path({str(tmp_path)!r}))\n"
            f"if {killed} >= 0:\n"
            "    read = archive.read\n"
            f"    archive.read = lambda piece: read(piece) if piece != 'piece {killed}' else "
            "os.kill(os.getpid(), signal.SIGKILL)\n"
            f"prepare(archive, pathlib.Path({str(tmp_path / name)!r}), jobs=1, quiet=True)"
        )
        return subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1]).returncode

    assert run("once", -1) == 0
    assert run("killed", 4) == -9
    done = len((tmp_path / "killed.partial" / JOURNAL).read_text().splitlines())
    assert 0 < done < 6
    assert run("killed", -1) == 0
    assert contents(tmp_path / "once") == contents(tmp_path / "killed")


def test_the_card_names_no_more_than_a_few_of_many_skipped_images(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", IDENTITY_OF_A, (1, 2, 4))
    images = np.zeros((1, 1, 2, 4), np.uint8)
    with writer.open():
        for at in range(3):
            skipped = [f"{at}-{number}.jpg: {'torn' if number % 3 else 'dark'}" for number in range(300)]
            inputs = {f"{at}-{number}": "x" for number in range(60)}
            writer.write(str(at), Piece(images, {"pitch": np.zeros(1)}, skipped, inputs))
    writer.finish({})
    card = json.loads((tmp_path / "store" / "card.json").read_text())
    assert card["skipped"] == 900
    assert card["skipped_reasons"] == {"torn": 600, "dark": 300}
    assert len(card["skipped_first"]) == 20
    assert card["input_files"] == 180
    assert "inputs" not in card
