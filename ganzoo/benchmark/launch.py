"""The job of a cell: its command, its environment and what it needs."""

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
from ganzoo.engine import LOG, Job
from ganzoo.errors import GanzooError
from ganzoo.runs.run_folder import RunFolder

PASSED_ON = ("ONEDNN_MAX_CPU_ISA", "CUBLAS_WORKSPACE_CONFIG", "PYTHONPATH")  # variables, besides GANZOO_...


class Launcher:
    """Prepares the folders of cells, and makes their jobs."""

    def __init__(self, folder: Path, plugins: Sequence[Path], trackers: Sequence[str], threads: int) -> None:
        self.folder, self.plugins, self.trackers, self.threads = folder, plugins, trackers, threads

    def place(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.id

    def job(self, cell: Cell) -> Job:
        """A new job of the cell, whose folder is then ready. Raises GanzooError if it cannot be written."""
        place = self.place(cell)
        try:
            place.mkdir(parents=True, exist_ok=True)
            RunFolder(place).replace(place / "cell.toml", write_toml(cell.tables()))
            (place / LOG).open("ab").close()
        except OSError as error:
            raise GanzooError(f"{place} cannot be written: {error.strerror}") from error
        place = place.resolve()
        options = [*map(str, self.plugins), *(TRACK + name for name in self.trackers)]
        name = f"{cell.id}-{secrets.token_hex(4)}"
        return Job(
            name,
            (sys.executable, "-m", "ganzoo.benchmark.work", str(place), *options),
            place,
            Path.cwd(),
            {**self._environment(cell), NAME: name},
            cell.resources.model_copy(update={"cpus": self.threads_of(cell), "gpus": _gpus(cell)}),
        )

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
        return {**passed, "OMP_NUM_THREADS": str(self.threads_of(cell)), "PYTHONUNBUFFERED": "1"}


def _gpus(cell: Cell) -> int | None:
    """The GPUs of a cell: those that the suite gives, or else none if it computes elsewhere, or what is usual."""
    if cell.resources.gpus is not None:
        return cell.resources.gpus
    return None if cell.plan.train.device in ("auto", "cuda") else 0
