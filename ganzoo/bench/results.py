"""results.jsonl: one line for every finished cell, and for every failure."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ganzoo.bench.cell import Cell
from ganzoo.errors import GanzooError
from ganzoo.files import strict_json

LARGEST = 1e30  # what a table or a picture can show

Record = Mapping[str, Any]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None


class _Line(BaseModel):
    """What of a record tables and pages rely on; whatever else stands in it is kept."""

    model_config = ConfigDict(strict=True)
    cell: str
    label: str
    dataset: str
    seed: int
    method: str
    settings_hash: str
    code: str
    role: str = ""
    preset: str | None = ""
    seed_settings: list[str] = []
    step: Number = None
    images_drawn: Number = None
    budget_seconds: Number = None
    images_per_second: Number = None
    parameters: Number = None
    peak_memory_mb: dict[str, Number] | None = None
    settings: dict[str, Any] = {}
    dataset_card: dict[str, Any] = {}
    environment: dict[str, Any] = {}


class _FailureRecord(_Line):
    failed: str
    declined: bool = False


class _Bin(BaseModel):
    model_config = ConfigDict(strict=True)
    low: float
    high: float
    value: float
    count: int


class _Score(BaseModel):
    model_config = ConfigDict(strict=True)
    name: str
    value: float | None
    subject: str
    unit: str
    better: Literal["lower", "higher", ""]
    low: float | None
    high: float | None
    reason: str
    warning: str
    headline: bool
    card: str
    profiles: dict[str, list[_Bin]]


class _Finished(_Line):
    scores: list[_Score]
    cards: dict[str, Any]
    training_seconds: Annotated[float, Field(ge=0, le=LARGEST)]
    evaluation_seconds: Annotated[float, Field(ge=0, le=LARGEST)]


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


def updates_of(record: Record) -> float | None:
    """The updates of a training: each draws one batch. None where the record does not say."""
    drawn, train = record.get("images_drawn"), record.get("settings", {}).get("train")
    batch_size = train.get("batch_size") if isinstance(train, dict) else None
    return drawn / batch_size if isinstance(drawn, int | float) and isinstance(batch_size, int) and batch_size else None


def seconds_of(cell: Cell, finished: Iterable[Record]) -> float | None:
    """What the cell will take, from finished cells of the same row, or else of the same method; None: unknown."""
    done = [record for record in finished if record["method"] == cell.plan.method.name]
    same = [record for record in done if record["settings_hash"] == cell.settings_hash]
    times = [record["training_seconds"] + record["evaluation_seconds"] for record in same or done]
    return statistics.fmean(times) if times else None


def _record(line: str) -> Record | None:
    """A line as a record; None where it is damaged. A score that is not finite, or beyond all sense, has no value."""
    try:
        record = strict_json.parse(line)
        json.dumps(record, ensure_ascii=False).encode()  # what no file can hold cannot be reported
        (_FailureRecord if "failed" in record else _Finished).model_validate(record)
    except (ValueError, TypeError):
        return None
    for score in record.get("scores", []):
        bins = [each for bins in score["profiles"].values() for each in bins]
        for each in (score, *bins):
            for key in each.keys() & {"value", "low", "high"}:
                if each[key] is not None and not abs(each[key]) < LARGEST:
                    each[key] = None
        score["profiles"] = {
            of: [each for each in bins if None not in (each["low"], each["high"], each["value"])]
            for of, bins in score["profiles"].items()
        }
    return dict(record)
