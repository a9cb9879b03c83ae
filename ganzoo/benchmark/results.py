"""results.jsonl: one line for every finished cell, and for every failure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganzoo.benchmark.cell import Cell
from ganzoo.benchmark.record import FailureRecord, FinishedRecord, Record, record_from_json
from ganzoo.errors import GanzooError
from ganzoo.files import strict_json


@dataclass
class Results:
    """The records of a bench folder, by cell. The last line of a cell counts."""

    finished: dict[str, FinishedRecord] = field(default_factory=dict)
    failed: dict[str, FailureRecord] = field(default_factory=dict)  # cells that never finished
    damaged: int = 0  # lines that could not be read

    @classmethod
    def of(cls, records: Iterable[Record], damaged: int = 0) -> Results:
        """The results of records in the order of the file."""
        results = cls(damaged=damaged)
        for record in records:
            if isinstance(record, FailureRecord):
                results.failed[record.cell] = record
            else:
                results.finished[record.cell] = record
        results.failed = {cell: record for cell, record in results.failed.items() if cell not in results.finished}
        return results


def read_results(file: Path) -> Results:
    """The readable lines of a file. A damaged line is skipped and counted. If the file is absent, there are none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    except OSError as error:
        raise GanzooError(f"{file} cannot be read: {error.strerror}") from error
    records = [_record(line) for line in lines if line.strip()]
    return Results.of((each for each in records if each is not None), damaged=records.count(None))


def result_of(place: Path) -> tuple[FinishedRecord, Mapping[str, Any]] | None:
    """The record and the document in the result.json of a cell's folder; None unless it is valid."""
    try:
        document = strict_json.parse((place / "result.json").read_text(encoding="utf-8"))
        record = record_from_json(document)
    except (OSError, ValueError):
        return None
    return (record, document) if isinstance(record, FinishedRecord) else None


def append(file: Path, document: Mapping[str, Any]) -> None:
    """Add one line, after a newline if the last line is incomplete.

    Raises GanzooError if the file cannot be written.
    """
    try:
        with file.open("a+b") as handle:
            size = handle.seek(0, 2)
            if size:
                handle.seek(size - 1)
            torn = size > 0 and handle.read(1) != b"\n"
            handle.write((b"\n" if torn else b"") + json.dumps(document, default=str).encode() + b"\n")
    except OSError as error:
        raise GanzooError(f"{file} cannot be written: {error.strerror}") from error


def seconds_of(cell: Cell, finished: Iterable[FinishedRecord]) -> float | None:
    """How long the cell will take, from finished cells of the same row, or else of the same method; None: unknown."""
    done = [record for record in finished if record.method == cell.plan.method.name]
    same = [record for record in done if record.settings_hash == cell.settings_hash]
    times = [record.training_seconds + record.evaluation_seconds for record in same or done]
    return statistics.fmean(times) if times else None


def _record(line: str) -> Record | None:
    """A line as a record; None if the line is damaged."""
    try:
        return record_from_json(strict_json.parse(line))
    except (ValueError, TypeError):
        return None
