"""The job of a cell, or of several: its command, its environment and what it needs."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from ganzoo.benchmark.cell import Cell
from ganzoo.benchmark.jobs import NAME
from ganzoo.benchmark.work import TRACK
from ganzoo.configuration.toml import write_toml
from ganzoo.engine import LOG, Job, Resources
from ganzoo.errors import GanzooError
from ganzoo.runs.run_folder import RunFolder
from ganzoo.runs.staging import VARIABLE

WORK, IN_TURN = "ganzoo.benchmark.work", "ganzoo.benchmark.in_turn"  # the modules that run one cell, and several
PASSED_ON = ("ONEDNN_MAX_CPU_ISA", "CUBLAS_WORKSPACE_CONFIG", "PYTHONPATH")  # variables, besides GANZOO_...


class Launcher:
    """Prepares the folders of cells, and makes their jobs."""

    def __init__(
        self, folder: Path, plugins: Sequence[Path], trackers: Sequence[str], threads: int, stage: str = ""
    ) -> None:
        self.folder, self.plugins, self.trackers, self.threads = folder, plugins, trackers, threads
        self.stage = stage  # a folder of the machine where a job runs, for copies of the data

    def place(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.id

    def groups(self, cells: Sequence[Cell], most: int) -> list[list[Cell]]:
        """The cells in groups of `most` or fewer that can share a job, because they need the same."""
        alike: dict[object, list[list[Cell]]] = {}
        for cell in cells:
            made = alike.setdefault(self._needs(cell), [[]])
            if len(made[-1]) == most:
                made.append([])
            made[-1].append(cell)
        return [group for made in alike.values() for group in made]

    def job(self, cells: Sequence[Cell]) -> Job:
        """A new job that runs the cells one after the other; their folders are then ready.

        Raises GanzooError if one cannot be written.
        """
        places = [self._prepared(cell).resolve() for cell in cells]
        first, options = cells[0], [*map(str, self.plugins), *(TRACK + name for name in self.trackers)]
        name = f"{first.id}-{secrets.token_hex(4)}"
        process = [WORK, *map(str, places)] if len(cells) == 1 else [IN_TURN, *map(str, places), "--"]
        return Job(
            name,
            (sys.executable, "-m", *process, *options),
            places[0],
            Path.cwd(),
            {**self._environment(first), NAME: name},
            self._needs(first),
        )

    def _prepared(self, cell: Cell) -> Path:
        """The cell's folder with its settings and an output file."""
        place = self.place(cell)
        try:
            place.mkdir(parents=True, exist_ok=True)
            RunFolder(place).replace(place / "cell.toml", write_toml(cell.tables()))
            (place / LOG).open("ab").close()
        except OSError as error:
            raise GanzooError(f"{place} cannot be written: {error.strerror}") from error
        return place

    def _needs(self, cell: Cell) -> Resources:
        return cell.resources.model_copy(update={"cpus": self.threads_of(cell), "gpus": _gpus(cell)})

    def threads_of(self, cell: Cell) -> int:
        """The threads of a cell are its CPU cores: the same number for any number of jobs, on any machine."""
        return cell.resources.cpus or self.threads

    def last_line(self, cell: Cell) -> str:
        """The last non-empty line of the cell's output."""
        try:
            with (self.place(cell) / LOG).open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - 4096))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _environment(self, cell: Cell) -> dict[str, str]:
        passed = {key: value for key, value in os.environ.items() if key.startswith("GANZOO_") or key in PASSED_ON}
        staging = {VARIABLE: self.stage} if self.stage else {}
        return {**passed, **staging, "OMP_NUM_THREADS": str(self.threads_of(cell)), "PYTHONUNBUFFERED": "1"}


def _gpus(cell: Cell) -> int | None:
    """The GPUs of a cell: those that the suite gives, or else none if it computes elsewhere, or what is usual."""
    if cell.resources.gpus is not None:
        return cell.resources.gpus
    return None if cell.plan.train.device in ("auto", "cuda") else 0
