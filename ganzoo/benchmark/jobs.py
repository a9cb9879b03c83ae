"""The jobs of a cell, in files of its folder, so that any later bench finds them.

`job.json` says which job the bench has given to an engine: it is written before the engine starts the job, and again
with the engine's id of it before the bench waits for anything. `jobs/NAME.json` is what the process itself says: where
it runs and how it ended.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.files import strict_json
from ganzoo.system.atomic import write_text

FILE, FOLDER = "job.json", "jobs"
HELD = 76  # exit code: another process works on the cell
NAME = "GANZOO_JOB"  # variable: the name of the job, for the process


@dataclass(frozen=True)
class Claim:
    """A job that the bench has given to an engine, and whose end it has not seen."""

    name: str
    engine: str
    attempt: int
    progress: int  # steps that were saved before
    outlives: bool  # whether the job goes on when the bench ends
    id: str = ""  # the engine's; empty if the bench was killed before it knew
    cells: int = 1  # how many cells the job has, which it runs one after the other
    turn: int = 0  # the place of this one among them


def write_claim(place: Path, claim: Claim) -> None:
    """Raises GanzooError if the cell's folder cannot be written."""
    try:
        _write(place / FILE, asdict(claim))
    except OSError as error:
        raise GanzooError(f"{place} cannot be written: {error.strerror}") from error


def read_claim(place: Path) -> Claim | None:
    """The job of a cell; None if there is none, or if the file is damaged."""
    found = _read(place / FILE)
    try:
        claim = Claim(**found)
    except TypeError:
        return None
    kinds = {"name": str, "engine": str, "attempt": int, "progress": int, "outlives": bool, "id": str, "cells": int,
             "turn": int}  # fmt: skip
    return claim if all(type(getattr(claim, key)) is kind for key, kind in kinds.items()) else None


def drop_claim(place: Path) -> None:
    (place / FILE).unlink(missing_ok=True)


def note_start(place: Path) -> None:
    """This process begins the cell, in the job that its environment names."""
    _note(place, host=socket.gethostname(), process=os.getpid(), started=_now())


def note_end(place: Path, code: int) -> None:
    """This process ends with an exit code."""
    _note(place, ended=_now(), code=code)


def note_held(place: Path, code: int) -> None:
    """This process ends because another one has the cell; if that is of the same job, its own note stays."""
    if not (place / FOLDER / f"{Path(os.environ.get(NAME, '')).name}.json").exists():
        note_end(place, code)


def code_of_job(place: Path, name: str) -> int | None:
    """The exit code that the process of a job wrote down; None if it wrote none."""
    code = _read(place / FOLDER / f"{name}.json").get("code")
    return code if type(code) is int else None


def _note(place: Path, **facts: Any) -> None:
    name = Path(os.environ.get(NAME, "")).name
    if name:
        file = place / FOLDER / f"{name}.json"
        with suppress(OSError, GanzooError):  # the result does not depend on it
            file.parent.mkdir(exist_ok=True)
            _write(file, {**_read(file), **facts})


def _write(file: Path, document: dict[str, Any]) -> None:
    write_text(file, json.dumps(document) + "\n")


def _read(file: Path) -> dict[str, Any]:
    try:
        found = strict_json.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
