"""Runs each cell as a job of an engine, several at once, and continues when a cell fails.

A cell succeeds if it leaves a valid result.json, and in no other way. Every job is written down before it is started
(`ganzoo.benchmark.jobs`), so that a bench that is started again finds the jobs of one that was killed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ganzoo.benchmark import jobs as files
from ganzoo.benchmark.cell import Cell
from ganzoo.benchmark.jobs import HELD, Claim
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.record import FailureRecord, FinishedRecord
from ganzoo.benchmark.results import append, read_results, result_of
from ganzoo.benchmark.work import EXPECTED_FAILURE, code_of
from ganzoo.engine import Engine, JobState
from ganzoo.errors import EngineError
from ganzoo.system.environment import environment
from ganzoo.training import checkpoint
from ganzoo.training.signals import RESUMABLE, STOP

ATTEMPTS = 2  # of a cell that crashes; a second attempt only if it may help
LOST = 5  # attempts of a cell whose jobs are lost, while none gets further than the one before
STOPPED = 20  # the same, of a cell that its engine asks to stop
PAUSE = 2.0  # seconds until a cell is tried again that another process works on
PATIENCE = 600.0  # seconds for which an engine may be out of reach
UNHEARD = 60.0  # seconds after the end of a cell's process in which its engine may notice
SETTLE = 3  # looks after the end of a job until its files are on every disk
ASKED_TO_STOP = {RESUMABLE, STOP["SIGTERM"], -15, -10, -12}  # exit codes of a cell that its engine ended


class BenchObserver:
    """Is told about the progress of a bench. Override the methods that you need."""

    def finished(self, cell: Cell, record: FinishedRecord) -> None: ...

    def failed(self, cell: Cell, reason: str) -> None: ...

    def retried(self, cell: Cell, reason: str) -> None: ...

    def running(self, cells: Mapping[Cell, str], waiting: Sequence[Cell]) -> None:
        """Called several times a second, with the last line of output of each running cell."""

    def unreachable(self, reason: str) -> None:
        """The engine does not answer; it is asked again."""


@dataclass(frozen=True)
class _Turn:
    """A cell that waits to be started."""

    cell: Cell
    attempt: int = 1
    after: float = 0.0  # a time of the monotonic clock


@dataclass
class _Started:
    """A cell that an engine has. Cells of one job have the same id in their claims."""

    cell: Cell
    claim: Claim
    found: bool  # started by an earlier bench
    phase: str = "waiting"
    looks: int = 0  # at a job that ended without a word
    over: float | None = None  # when the cell was first seen to have ended, on the monotonic clock


class Schedule:
    """The cells of a bench in one folder, on one engine."""

    def __init__(
        self,
        folder: Path,
        launcher: Launcher,
        engine: Engine,
        *,
        jobs: int | None,
        watch: BenchObserver,
    ) -> None:
        self.launcher, self.engine, self.watch = launcher, engine, watch
        self.jobs = jobs  # given to the engine at once; None: all
        self.cells_per_job = getattr(engine.config, "cells_per_job", 1)
        self.results_file = folder / "results.jsonl"
        self.waiting: list[_Turn] = []
        self.started: list[_Started] = []
        self.answered = time.monotonic()

    def run(self, cells: Sequence[Cell], declined: Mapping[str, str], *, detach: bool = False) -> None:
        """Run every cell that has not finished yet. It ends with a result or a recorded failure.

        Cells in `declined` (id -> reason) are recorded and not started. With `detach`, it returns when the engine has
        all cells that it takes at once.
        """
        self._record_declined(cells, declined)
        self._begin([cell for cell in cells if cell.id not in declined])
        try:
            while self.waiting or self.started:
                self._fill()
                if detach:
                    return
                self._collect_early()
                running = [each for each in self.started if each.phase != "waiting"]
                queued = [each.cell for each in self.started if each.phase == "waiting"]
                said = {each.cell: self.launcher.last_line(each.cell) for each in running}
                self.watch.running(said, [*queued, *(turn.cell for turn in self.waiting)])
                self._look()
                if self.waiting or self.started:
                    time.sleep(self.engine.poll)
        finally:
            if not self.engine.outlives:
                self.engine.stop(list(self._by_job()))

    def _begin(self, cells: Sequence[Cell]) -> None:
        """Sort the cells: finished, started by an earlier bench, and to be started."""
        done = read_results(self.results_file).finished
        for cell in cells:
            if cell.id in done or self._collect(cell):
                files.drop_claim(self.launcher.place(cell))
                continue
            claim = files.read_claim(self.launcher.place(cell))
            if claim is None or claim.engine != self.engine.name or not claim.id or not self.engine.outlives:
                # without an id the bench was killed while it started the job; if that runs, it holds the cell's folder
                self.waiting.append(_Turn(cell))
            else:
                self.started.append(_Started(cell, claim, found=True))

    def _fill(self) -> None:
        """Give the engine as many jobs as it takes at once."""
        now = time.monotonic()
        ready = {turn.cell: turn for turn in self.waiting if turn.after <= now}
        groups = self.launcher.groups(list(ready), self.cells_per_job)
        if self.jobs is not None:
            groups = groups[: max(0, self.jobs - len(self._by_job()))]
        if not groups:
            return
        made = [(self.launcher.job(cells), cells) for cells in groups]
        claims: dict[Cell, Claim] = {}
        for job, cells in made:
            for place, cell in enumerate(cells):
                claims[cell] = Claim(
                    job.name, self.engine.name, ready[cell].attempt, self._progress(cell), self.engine.outlives,
                    cells=len(cells), turn=place,
                )  # fmt: skip
                files.write_claim(self.launcher.place(cell), claims[cell])
        ids = self.engine.start([job for job, _ in made])
        for (_, cells), name in zip(made, ids, strict=True):
            for cell in cells:
                claim = replace(claims[cell], id=name)
                files.write_claim(self.launcher.place(cell), claim)
                self.started.append(_Started(cell, claim, found=False))
        self.waiting = [turn for turn in self.waiting if turn.cell not in claims]

    def _look(self) -> None:
        """Ask the engine about all jobs, and handle those that ended."""
        jobs = self._by_job()
        try:
            states = self.engine.states(list(jobs)) if jobs else {}
        except EngineError as error:
            if time.monotonic() - self.answered > PATIENCE:
                raise
            self.watch.unreachable(str(error))
            return
        self.answered = time.monotonic()
        for name, cells in jobs.items():
            state = states.get(name, JobState("ended"))
            begun = self._begun(cells)
            if state.phase == "running" and self._end_is_unheard(cells):
                state = self._given_up(name)
            for each in cells:
                each.phase = "waiting" if state.phase == "running" and each is not begun else state.phase
            if state.phase == "ended":
                over = [self._is_over(each, state) for each in cells]  # looks at every one
                if all(over):
                    self._end(cells, begun, state)

    def _end(self, cells: Sequence[_Started], begun: _Started | None, state: JobState) -> None:
        """Handle the cells of a job that ended. Those that it had not come to cost no attempt."""
        turns: list[_Turn | None] = []
        for each in cells:
            self.started.remove(each)
            files.drop_claim(self.launcher.place(each.cell))
            met = each is begun or self._own_code(each) is not None
            turns.append(self._next(each, state) if met or self._has_result(each) else self._given_back(each))
        self.waiting[:0] = [turn for turn in turns if turn is not None]

    def _given_back(self, each: _Started) -> _Turn:
        return _Turn(each.cell, each.claim.attempt, time.monotonic() + self.engine.poll)

    def _end_is_unheard(self, cells: Sequence[_Started]) -> bool:
        """Whether all cells of a job ended long ago, and the engine has not noticed: its message may have been lost."""
        now = time.monotonic()
        for each in cells:
            # one that was asked to stop may be queued again, and goes on in the same job
            ended = self._has_result(each) or self._own_code(each) not in {None, *ASKED_TO_STOP}
            each.over = (each.over or now) if ended else None
        return all(each.over is not None and now - each.over > UNHEARD for each in cells)

    def _given_up(self, name: str) -> JobState:
        """Stop a job of which nothing runs any more."""
        with suppress(EngineError):  # what it holds is then the engine's to find
            self.engine.stop([name])
        return JobState("ended")

    def _collect_early(self) -> None:
        """Take the results of cells whose job goes on with others."""
        for each in list(self.started):
            if each.claim.cells > 1 and self._has_result(each) and self._collect(each.cell):
                self.started.remove(each)
                files.drop_claim(self.launcher.place(each.cell))

    def _by_job(self) -> dict[str, list[_Started]]:
        """The cells that the engine has, by the ids of their jobs and in the order in which these run them."""
        jobs: dict[str, list[_Started]] = {}
        for each in sorted(self.started, key=lambda each: each.claim.turn):
            jobs.setdefault(each.claim.id, []).append(each)
        return jobs

    def _begun(self, cells: Sequence[_Started]) -> _Started | None:
        """The cell that a job runs, or ran when it ended: the first one without an end of its own."""
        if len(cells) == 1 and cells[0].claim.cells == 1:
            return cells[0]
        return next((each for each in cells if self._own_code(each) is None and not self._has_result(each)), None)

    def _own_code(self, each: _Started) -> int | None:
        """The exit code that the process of a cell wrote down."""
        return files.code_of_job(self.launcher.place(each.cell), each.claim.name)

    def _has_result(self, each: _Started) -> bool:
        return (self.launcher.place(each.cell) / "result.json").exists()

    def _is_over(self, each: _Started, state: JobState) -> bool:
        """Whether all that the job wrote can be read now: on a network disk that may take a moment."""
        known = state.code is not None or self._own_code(each) is not None
        each.looks += 1
        return known or each.looks > SETTLE or result_of(self.launcher.place(each.cell)) is not None

    def _next(self, each: _Started, state: JobState) -> _Turn | None:
        """Record how a job ended. Returns the cell's next turn if it should be tried again."""
        cell, claim = each.cell, each.claim
        if self._collect(cell):
            return None
        code = state.code
        if code is None or claim.cells > 1:  # that of a job says little about one of several cells
            code = self._own_code(each)
            code = state.code if code is None else code
        if code == HELD:
            return _Turn(cell, claim.attempt, time.monotonic() + PAUSE)
        lost = code is None or code < 0  # it had no chance to say how it ended
        stopped = self.engine.outlives and code in ASKED_TO_STOP
        soon = time.monotonic() + self.engine.poll
        if (lost or stopped) and (each.found or self._progress(cell) > claim.progress):
            return _Turn(cell, 1, soon)
        reason = self._reason(each, state, code)
        limit = STOPPED if stopped else LOST if lost and self.engine.outlives else ATTEMPTS
        if code != EXPECTED_FAILURE and claim.attempt < limit:
            self.watch.retried(cell, reason)
            return _Turn(cell, claim.attempt + 1, soon)
        failure = FailureRecord(**cell.facts(), failed=reason, code=self._code_now())
        append(self.results_file, failure.to_json())
        self.watch.failed(cell, reason)
        return None

    def _reason(self, each: _Started, state: JobState, code: int | None) -> str:
        said = self.launcher.last_line(each.cell).removeprefix("error: ")
        if code is None:
            how = state.reason or f"the engine {self.engine.name} lost its job"
            return f"{how}; its last line of output was: {said or '(none)'}"
        if code < 0:
            return f"killed by signal {-code}; its last line of output was: {said}"
        return said or f"ended with exit code {code} and no output"

    def _progress(self, cell: Cell) -> int:
        """The steps that are saved."""
        return max(checkpoint.steps(self.launcher.place(cell) / "run"), default=0)

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
        found = result_of(self.launcher.place(cell))
        if found is None:
            return False
        record, document = found
        append(self.results_file, document)  # as the cell wrote it
        self.watch.finished(cell, record)
        return True
