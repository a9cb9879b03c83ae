"""Writes a store piece by piece. If it is killed at any time, the store is complete or absent."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.errors import DatasetError, GanzooError, UsageError
from ganzoo.files import strict_json
from ganzoo.files.archive import Piece
from ganzoo.files.guard import reading
from ganzoo.files.output import writing
from ganzoo.files.store import CARD, IMAGES, LABELS, as_table
from ganzoo.system.atomic import beside
from ganzoo.system.lock import FILE as LOCK
from ganzoo.system.lock import locked

JOURNAL, IDENTITY, PARTS = "journal.jsonl", "identity.json", "labels"
HEADER = 128  # bytes of the .npy header: room for any count
LISTED = 100  # more input files than this are only in the journal, and the card has their joint checksum
NAMED = 20  # maximum of skipped images and of reasons in the card


class StoreWriter:
    """Fills `path`.partial and renames it to `path` when it is complete.

    `identity` states what is prepared and how; a different one is refused. Pieces must always come in one order.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], image_shape: tuple[int, int, int]) -> None:
        self.path, self.aside = path, beside(path)
        self.identity = json.loads(json.dumps(identity))
        self.image_shape = image_shape
        self.journal: list[tuple[str, int]] = []  # name and rows of each piece; the file holds more

    @contextmanager
    def open(self) -> Iterator[list[str]]:
        """Names of the pieces that were written before. Raises UsageError if something else is there."""
        if self.path.exists():
            raise UsageError(f"{self.path} exists; give another folder, or delete it first")
        with writing(self.aside):
            self._claim()
        with locked(self.aside):  # two processes that write one folder would mix their pieces
            with writing(self.aside):
                # unbuffered: a write that failed on a full disk must not be repeated when the file is closed
                images = (self.aside / IMAGES).open("r+b", buffering=0)
            with images as self._images:
                with writing(self.aside):
                    self._recover()
                    whole = HEADER + self.rows * self._row_bytes
                    if images.seek(0, os.SEEK_END) < whole:
                        raise UsageError(
                            f"{self.aside} is damaged: {IMAGES} is shorter than its journal says; delete it"
                        )
                    images.truncate(whole)
                    images.seek(whole)
                yield [name for name, _ in self.journal]

    @property
    def rows(self) -> int:
        return sum(rows for _, rows in self.journal)

    def write(self, name: str, piece: Piece) -> None:
        """Add a piece. It counts once its line is in the journal."""
        count = len(piece.images)
        if piece.images.dtype != np.uint8 or piece.images.shape[1:] != self.image_shape:
            raise DatasetError(f"{name}: images must be uint8 [N, {', '.join(map(str, self.image_shape))}]")
        if any(len(column) != count for column in piece.columns.values()):
            raise DatasetError(f"{name}: {count} images, but columns of other lengths")
        with writing(self.aside):
            if count:
                write_all(self._images, np.ascontiguousarray(piece.images).data.cast("B"))
                self._write_labels(len(self.journal), piece.columns)
            _sync(self._images)
            line = {
                "name": name,
                "rows": count,
                "skipped": list(piece.skipped),
                "inputs": dict(piece.inputs),
            }
            with (self.aside / JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(line) + "\n")
                _sync(journal)
        self.journal.append((name, count))

    def was_finished(self) -> bool:
        """Whether this job was killed after it had renamed the store; the remaining cleanup is then done."""
        try:
            found = json.loads((self.path / IDENTITY).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if found != self.identity:
            return False
        with writing(self.path):
            self._tidy_up()
        return True

    def finish(self, facts: Mapping[str, Any], finishing: Callable[[Path], object] | None = None) -> None:
        """Write the table and the card, and rename the store. Raises DatasetError if it has no image.

        `finishing` is called with the folder of the complete store, before it is renamed, and may add to it.
        """
        counts = self._counts()
        if not self.rows:
            first = next(iter(counts.get("skipped_first", [])), "there is nothing in it")
            raise DatasetError(f"no image can be used; the first reason: {first}")
        with writing(self.aside):
            with (self.aside / IMAGES).open("r+b") as images:
                images.write(self._header(self.rows))
                _sync(images)
            self._join_labels()
            checksums = {name: file_digest(self.aside / name) for name in (IMAGES, LABELS)}
            # a file name in another encoding becomes \udcXX, which is how JSON writes it
            with (self.aside / CARD).open("w", encoding="utf-8", errors="backslashreplace") as file:
                card = {**facts, **counts, "checksums": checksums}
                file.write(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
                _sync(file)
            if finishing is not None:
                finishing(self.aside)
            os.replace(self.aside, self.path)
            self._tidy_up()

    def _tidy_up(self) -> None:
        shutil.rmtree(self.path / PARTS, ignore_errors=True)
        for name in (JOURNAL, LOCK, IDENTITY):  # the last one shows that something is left
            (self.path / name).unlink(missing_ok=True)

    def _claim(self) -> None:
        """Create the folder, or check that the same job is filling it."""
        file = self.aside / IDENTITY
        if not self.aside.exists():
            self.aside.mkdir(parents=True)
            (self.aside / PARTS).mkdir()
            (self.aside / IMAGES).write_bytes(self._header(0))
            file.write_text(json.dumps(self.identity, indent=1), encoding="utf-8")
            (self.aside / JOURNAL).touch()  # from now on it is claimed
            return
        try:
            found = strict_json.parse(file.read_bytes())
            if not isinstance(found, dict):
                raise ValueError("it is not a table")
        except (OSError, ValueError) as error:
            if not self.aside.is_dir() or {path.name for path in self.aside.iterdir()} - {
                PARTS,
                IMAGES,
                IDENTITY,
                LOCK,
            }:
                raise UsageError(
                    f"{self.aside} is damaged, or not ganzoo's; delete it, or give another folder"
                ) from error
            shutil.rmtree(self.aside)  # killed while it was created, before anything was in it
            self._claim()
            return
        if found != self.identity:
            keys = [key for key in self.identity if found.get(key) != self.identity[key]] or ["nothing named"]
            raise UsageError(
                f"{self.aside} was started with a different {' and '.join(keys)}; delete it, or give another folder"
            )

    def _recover(self) -> None:
        """Read what was written from the journal; an incomplete last line is ignored and removed."""
        self.journal, whole = [], 0
        if not (self.aside / JOURNAL).exists():
            (self.aside / JOURNAL).touch()
        with (self.aside / JOURNAL).open("r+b") as journal:
            for line in journal:
                try:
                    piece = strict_json.parse(line) if line.endswith(b"\n") else None
                except ValueError:
                    piece = None
                if piece is None or not _is_piece(piece):
                    break
                self.journal.append((piece["name"], piece["rows"]))
                whole += len(line)
            journal.truncate(whole)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.image_shape))

    def _header(self, count: int) -> bytes:
        """A .npy header (format 1.0) of the same length for any count."""
        text = str({"descr": "|u1", "fortran_order": False, "shape": (count, *self.image_shape)})
        head = b"\x93NUMPY\x01\x00" + (HEADER - 10).to_bytes(2, "little")
        return head + text.encode().ljust(HEADER - 11) + b"\n"

    def _write_labels(self, number: int, columns: Mapping[str, np.ndarray]) -> None:
        import pyarrow.parquet as parquet

        buffer = io.BytesIO()
        parquet.write_table(as_table(columns), buffer)
        with (self.aside / PARTS / f"{number:07d}.parquet").open("wb") as file:
            file.write(buffer.getvalue())
            _sync(file)

    def _join_labels(self) -> None:
        """Join the pieces' tables, one row group per piece, so that the memory is that of one piece."""
        import pyarrow
        import pyarrow.parquet as parquet

        files = [self.aside / PARTS / f"{number:07d}.parquet" for number, (_, rows) in enumerate(self.journal) if rows]
        counts = [rows for _, rows in self.journal if rows]
        writer = None
        try:
            for file, rows in zip(files, counts, strict=True):
                with reading(file, "parquet file"):
                    table = parquet.read_table(file)
                if table.num_rows != rows:
                    raise DatasetError(f"{file} has {table.num_rows} rows, but the journal has {rows}; "
                                       f"delete {self.aside}")  # fmt: skip
                if writer is None:
                    writer = parquet.ParquetWriter(self.aside / LABELS, table.schema)
                if table.schema != writer.schema:
                    raise DatasetError(f"pieces have different columns: {table.schema.names}, {writer.schema.names}")
                writer.write_table(table)
        except pyarrow.ArrowException as error:
            raise GanzooError(f"{self.aside / LABELS} cannot be written: {error}") from error
        finally:
            if writer is not None:
                with contextlib.suppress(OSError):
                    writer.close()

    def _counts(self) -> dict[str, Any]:
        """The totals of the journal. It is read line by line: for a million images it does not fit in memory."""
        reasons: Counter[str] = Counter()
        first: list[str] = []
        listed: dict[str, str] = {}
        files, joint = 0, hashlib.blake2b(digest_size=16)
        with (self.aside / JOURNAL).open(encoding="utf-8") as journal:
            for piece in map(json.loads, journal):
                reasons.update(reason.rpartition(": ")[2] for reason in piece["skipped"])
                first += piece["skipped"][: NAMED - len(first)]
                joint.update(json.dumps(sorted(piece["inputs"].items())).encode())
                files += len(piece["inputs"])
                if files <= LISTED:
                    listed.update(piece["inputs"])
        facts: dict[str, Any] = {"images": self.rows, "skipped": sum(reasons.values())}
        if reasons:
            facts |= {"skipped_reasons": dict(reasons.most_common(NAMED)), "skipped_first": first}
        facts |= {"input_files": files, "inputs_checksum": "blake2b-16:" + joint.hexdigest()}
        return {**facts, "inputs": listed} if files <= LISTED else facts


def _is_piece(line: Any) -> bool:
    """Whether a line of the journal is a valid record of a piece."""
    if not isinstance(line, dict) or line.keys() != {"name", "rows", "skipped", "inputs"}:
        return False
    texts = [line["name"], *line["skipped"]] if isinstance(line["skipped"], list) else [None]
    texts += line["inputs"].values() if isinstance(line["inputs"], dict) else [None]
    return all(isinstance(text, str) for text in texts) and strict_json.is_whole(line["rows"]) and line["rows"] >= 0


def write_all(file: Any, content: memoryview | bytes) -> None:
    """Write everything to an unbuffered file, which may accept less at a time."""
    while content:
        content = content[file.write(content) :]


def file_digest(file: Path) -> str:
    """The checksum of a file, as cards have it."""
    with file.open("rb") as handle:
        return "blake2b-16:" + hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
