"""Runs each cell in its own process, several at once, and continues when a cell fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

from ganzoo.bench.cell import Cell
from ganzoo.bench.record import FailureRecord, FinishedRecord, record_from_json
from ganzoo.bench.results import append, read_results
from ganzoo.bench.work import EXPECTED_FAILURE, TRACK, code_of
from ganzoo.configuration.toml import write_toml
from ganzoo.errors import GanzooError
from ganzoo.files import strict_json
from ganzoo.runs.run_folder import RunFolder
from ganzoo.system.environment import environment

ATTEMPTS = 2  # a second attempt only if it may help
POLL = 0.1  # seconds


class BenchObserver:
    """Is told about the progress of a bench. Override the methods that you need."""

    def finished(self, cell: Cell, record: FinishedRecord) -> None: ...

    def failed(self, cell: Cell, reason: str) -> None: ...

    def retried(self, cell: Cell, reason: str) -> None: ...

    def running(self, cells: Mapping[Cell, str], waiting: Sequence[Cell]) -> None:
        """Called several times a second, with the last line of output of each running cell."""


@dataclass
class _Process:
    cell: Cell
    attempt: int
    slot: int
    process: subprocess.Popen[bytes]
    log: IO[bytes]


class Schedule:
    """The cells of a bench in one folder."""

    def __init__(
        self,
        folder: Path,
        plugins: Sequence[Path],
        *,
        jobs: int,
        threads: int,
        watch: BenchObserver,
        trackers: Sequence[str] = (),
    ) -> None:
        self.folder, self.plugins, self.trackers = folder, plugins, trackers
        self.jobs, self.threads, self.watch = jobs, threads, watch
        self.results_file = folder / "results.jsonl"

    def run(self, cells: Sequence[Cell], declined: Mapping[str, str]) -> None:
        """Run every cell that has not finished yet. It ends with a result or a recorded failure.

        Cells in `declined` (id -> reason) are recorded and not started.
        """
        self._record_declined(cells, declined)
        cells = [cell for cell in cells if cell.id not in declined]
        done = read_results(self.results_file).finished
        waiting = [(cell, 1) for cell in cells if cell.id not in done and not self._collect(cell)]
        running: list[_Process] = []
        try:
            while waiting or running:
                free = [slot for slot in range(self.jobs) if slot not in {each.slot for each in running}]
                while waiting and free:
                    cell, attempt = waiting.pop(0)
                    running.append(self._start(cell, attempt, free.pop(0)))
                self.watch.running({each.cell: self._last_line(each.cell) for each in running}, [c for c, _ in waiting])
                for each in [each for each in running if each.process.poll() is not None]:
                    running.remove(each)
                    each.log.close()
                    if self._ended(each):
                        waiting.insert(0, (each.cell, each.attempt + 1))
                time.sleep(POLL)
        finally:
            for each in running:  # closing its standard input ends a cell; its checkpoints stay
                assert each.process.stdin is not None
                each.process.stdin.close()
                each.process.wait()
                each.log.close()

    def place(self, cell: Cell) -> Path:
        return self.folder / "cells" / cell.id

    def _start(self, cell: Cell, attempt: int, slot: int) -> _Process:
        place = self.place(cell)
        try:
            place.mkdir(parents=True, exist_ok=True)
            RunFolder(place).replace(place / "cell.toml", write_toml(cell.tables()))
            log = (place / "output.log").open("ab")
        except OSError as error:
            raise GanzooError(f"{place} cannot be written: {error.strerror}") from error
        options = [*map(str, self.plugins), *(TRACK + name for name in self.trackers)]
        command = [sys.executable, "-m", "ganzoo.bench.work", str(place), *options]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=self._environment(cell, slot)
        )
        return _Process(cell, attempt, slot, process, log)

    def _environment(self, cell: Cell, slot: int) -> dict[str, str]:
        """The same number of threads for any number of jobs, and one GPU for each job if there are several."""
        variables = {**os.environ, "OMP_NUM_THREADS": str(self.threads), "PYTHONUNBUFFERED": "1"}
        count = torch.cuda.device_count()
        if count > 1 and self.jobs > 1 and cell.plan.train.device in ("auto", "cuda"):
            visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
            variables["CUDA_VISIBLE_DEVICES"] = visible.split(",")[slot % count]
        return variables

    def _ended(self, each: _Process) -> bool:
        """Record how a process ended. Returns whether the cell should be tried again."""
        code = each.process.returncode
        if code == 0 and self._collect(each.cell):
            return False
        reason = self._last_line(each.cell).removeprefix("error: ")
        if code < 0:
            reason = f"killed by signal {-code}; its last line of output was: {reason}"
        elif not reason:
            reason = f"ended with exit code {code} and no output"
        if code != EXPECTED_FAILURE and each.attempt < ATTEMPTS:
            self.watch.retried(each.cell, reason)
            return True
        failure = FailureRecord(**each.cell.facts(), failed=reason, code=self._code_now())
        append(self.results_file, failure.to_json())
        self.watch.failed(each.cell, reason)
        return False

    def _record_declined(self, cells: Sequence[Cell], declined: Mapping[str, str]) -> None:
        known = read_results(self.results_file).failed
        for cell in cells:
            reason = declined.get(cell.id)
            if reason is not None and (cell.id not in known or known[cell.id].failed != reason):
                record = FailureRecord(**cell.facts(), failed=reason, declined=True, code=self._code_now())
                append(self.results_file, record.to_json())

    def _code_now(self) -> str:
        return code_of(environment(torch.device("cpu"), "fp32"))

    def _collect(self, cell: Cell) -> bool:
        """Append the result of a cell to results.jsonl. Returns whether the cell left a valid result."""
        file = self.place(cell) / "result.json"
        try:
            document = strict_json.parse(file.read_text(encoding="utf-8"))
            record = record_from_json(document)
        except (OSError, ValueError):
            return False
        if not isinstance(record, FinishedRecord):
            return False
        append(self.results_file, document)  # as the cell wrote it
        self.watch.finished(cell, record)
        return True

    def _last_line(self, cell: Cell) -> str:
        """The last non-empty line of the cell's output."""
        try:
            with (self.place(cell) / "output.log").open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - 4096))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
