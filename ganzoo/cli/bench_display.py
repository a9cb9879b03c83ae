"""The progress of a bench, on standard error."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from ganzoo.benchmark.cell import Cell
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.results import seconds_of
from ganzoo.benchmark.schedule import BenchObserver
from ganzoo.benchmark.work import code_of
from ganzoo.cli.display import duration
from ganzoo.system.environment import environment

PLAIN_EVERY = 60.0  # seconds between lines without a terminal, as in a notebook


class BenchDisplay(BenchObserver):
    """Cells done, running and waiting, and the time left, on standard error."""

    def __init__(self, cells: Sequence[Cell], folder: BenchFolder, jobs: int | None) -> None:
        self.console = Console(stderr=True)
        self.live = Live(console=self.console, refresh_per_second=4, transient=True)
        self.total, self.jobs, self.folder = len(cells), jobs, folder
        self.known = dict(folder.results().finished)
        self.done = sum(cell.id in self.known for cell in cells)
        self.began: dict[Cell, float] = {}
        self.said = ""  # by an engine out of reach
        self.printed = time.monotonic()
        said = f"bench folder {folder.path}: {self.total} cells, {self.done} of them finished before"
        self.console.print(escape(said), highlight=False, soft_wrap=True)
        now = code_of(_environment_now())
        if old := {record.code for record in self.known.values()} - {now}:
            others = f"finished cells of other code ({', '.join(sorted(old))}) stay, in separate rows"
            self.console.print(escape(f"{others}; this is {now}"), highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()

    def finished(self, cell: Cell, record: FinishedRecord) -> None:
        self.known[cell.id] = record
        self._ended(cell, f"done in {duration(record.training_seconds + record.evaluation_seconds)}")
        for tracker, reason in record.trackers_that_failed.items():
            self.console.print(escape(f"  without the tracker {tracker}, which failed: {reason}"), soft_wrap=True)

    def failed(self, cell: Cell, reason: str) -> None:
        self._ended(cell, f"[red]failed[/red]: {escape(reason)}")

    def retried(self, cell: Cell, reason: str) -> None:
        self.console.print(f"{_name(cell)}: {escape(reason)}; trying again", highlight=False, soft_wrap=True)

    def unreachable(self, reason: str) -> None:
        if reason != self.said:
            self.said = reason
            self.console.print(f"{escape(reason)}; asking again", highlight=False, soft_wrap=True)

    def running(self, cells: Mapping[Cell, str], waiting: Sequence[Cell]) -> None:
        now = time.monotonic()
        for cell in cells:
            self.began.setdefault(cell, now)
        plain = not self.console.is_terminal
        if plain and now - self.printed < PLAIN_EVERY:
            return
        lines = [
            f"{self.done} of {self.total} cells done, {len(cells)} running, time left: {self._left(cells, waiting)}"
        ]
        if plain:
            self.printed = now
            self.console.print(lines[0], highlight=False, soft_wrap=True)
            return
        lines += [f"  {cell.label} on {cell.dataset}, seed {cell.seed}: {said}" for cell, said in cells.items()]
        self.live.update(Text("\n".join(lines), overflow="ellipsis", no_wrap=True))

    def _ended(self, cell: Cell, how: str) -> None:
        self.done += 1
        self.console.print(f"({self.done}/{self.total}) {_name(cell)}: {how}", highlight=False, soft_wrap=True)

    def _left(self, running: Mapping[Cell, str], waiting: Sequence[Cell]) -> str:
        """From finished cells of the same method; a missing one counts as their mean."""
        now = time.monotonic()
        estimates = {cell: seconds_of(cell, self.known.values()) for cell in (*running, *waiting)}
        known = [seconds for seconds in estimates.values() if seconds is not None]
        if not known:
            return "unknown"
        mean = sum(known) / len(known)
        left = {cell: mean if seconds is None else seconds for cell, seconds in estimates.items()}
        for cell in running:
            left[cell] = max(0.0, left[cell] - (now - self.began[cell]))
        return f"about {duration(sum(left.values()) / min(self.jobs or len(running) or 1, len(left)))}"


def _environment_now() -> dict[str, Any]:
    return environment(torch.device("cpu"), "fp32")


def _name(cell: Cell) -> str:
    return escape(f"{cell.label} on {cell.dataset}, seed {cell.seed}")
