"""results.jsonl: one line for every finished cell, and for every failure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ganzoo.bench.cell import Cell
from ganzoo.errors import GanzooError
from ganzoo.metric import Score

Record = Mapping[str, Any]
NEEDED = {"cell": str, "label": str, "dataset": str, "seed": int, "method": str, "settings_hash": str, "code": str}
SCORE = {each.name for each in fields(Score)}
FINISHED = {"scores": list, "cards": dict, "training_seconds": (int, float), "evaluation_seconds": (int, float)}


@dataclass
class Results:
    """The records of a bench folder: of each cell the last that counts."""

    finished: dict[str, Record] = field(default_factory=dict)
    failed: dict[str, Record] = field(default_factory=dict)  # cells that never finished
    damaged: int = 0  # lines that could not be read


def read_results(file: Path) -> Results:
    """The lines of a file that can be read; a half-written one is skipped and counted. An absent file is empty."""
    results = Results()
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
    except OSError as error:
        raise GanzooError(f"{file} cannot be read: {error.strerror}") from error
    for line in filter(str.strip, lines):
        record = _record(line)
        if record is None:
            results.damaged += 1
        elif "failed" in record:
            results.failed[record["cell"]] = record
        else:
            results.finished[record["cell"]] = record
    results.failed = {cell: record for cell, record in results.failed.items() if cell not in results.finished}
    return results


def append(file: Path, record: Record) -> None:
    """Add one line, after a newline where the last one is half-written. Raises GanzooError where the disk refuses."""
    try:
        with file.open("a+b") as handle:
            size = handle.seek(0, 2)
            if size:
                handle.seek(size - 1)
            torn = size > 0 and handle.read(1) != b"\n"
            handle.write((b"\n" if torn else b"") + json.dumps(record, default=str).encode() + b"\n")
    except OSError as error:
        raise GanzooError(f"{file} cannot be written: {error.strerror}") from error


def seconds_of(cell: Cell, finished: Iterable[Record]) -> float | None:
    """What the cell will take, from finished cells of the same row, or else of the same method; None: unknown."""
    done = [record for record in finished if record["method"] == cell.plan.method.name]
    same = [record for record in done if record["settings_hash"] == cell.settings_hash]
    times = [record["training_seconds"] + record["evaluation_seconds"] for record in same or done]
    return statistics.fmean(times) if times else None


def _record(line: str) -> Record | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    needed: dict[str, Any] = {**NEEDED, **({"failed": str} if "failed" in record else FINISHED)}
    if not all(isinstance(record.get(key), kind) for key, kind in needed.items()):
        return None
    scores = record.get("scores", [])
    return record if all(isinstance(score, dict) and score.keys() >= SCORE for score in scores) else None
