"""Runs each cell as a job of an engine, several at once, and continues when a cell fails.

A cell succeeds if it leaves a valid result.json, and in no other way. Every job is written down before it is started
(`ganzoo.benchmark.jobs`), so that a bench that is started again finds the jobs of one that was killed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ganzoo.benchmark import jobs as files
from ganzoo.benchmark.cell import Cell
from ganzoo.benchmark.jobs import Claim
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.record import FailureRecord, FinishedRecord
from ganzoo.benchmark.results import append, read_results, result_of
from ganzoo.benchmark.work import EXPECTED_FAILURE, HELD, code_of
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
    """A cell that an engine has."""

    cell: Cell
    claim: Claim
    found: bool  # started by an earlier bench
    phase: str = "waiting"
    looks: int = 0  # at a job that ended without a word


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
                running = [each for each in self.started if each.phase != "waiting"]
                queued = [each.cell for each in self.started if each.phase == "waiting"]
                said = {each.cell: self.launcher.last_line(each.cell) for each in running}
                self.watch.running(said, [*queued, *(turn.cell for turn in self.waiting)])
                self._look()
                if self.waiting or self.started:
                    time.sleep(self.engine.poll)
        finally:
            if not self.engine.outlives:
                self.engine.stop([each.claim.id for each in self.started])

    def _begin(self, cells: Sequence[Cell]) -> None:
        """Sort the cells: finished, started by an earlier bench, and to be started."""
        done = read_results(self.results_file).finished
        for cell in cells:
            if cell.id in done or self._collect(cell):
                continue
            claim = files.read_claim(self.launcher.place(cell))
            if claim is None or claim.engine != self.engine.name or not claim.id or not self.engine.outlives:
                # without an id the bench was killed while it started the job; if that runs, it holds the cell's folder
                self.waiting.append(_Turn(cell))
            else:
                self.started.append(_Started(cell, claim, found=True))

    def _fill(self) -> None:
        """Give the engine as many cells as it takes at once."""
        room = len(self.waiting) if self.jobs is None else max(0, self.jobs - len(self.started))
        now = time.monotonic()
        turns = [turn for turn in self.waiting if turn.after <= now][:room]
        if not turns:
            return
        made = {turn: self.launcher.job(turn.cell) for turn in turns}
        claims = {}
        for turn, job in made.items():
            claims[turn] = Claim(
                job.name, self.engine.name, turn.attempt, self._progress(turn.cell), self.engine.outlives
            )
            files.write_claim(job.folder, claims[turn])
        ids = self.engine.start(list(made.values()))
        for turn, job, name in zip(made, made.values(), ids, strict=True):
            claim = replace(claims[turn], id=name)
            files.write_claim(job.folder, claim)
            self.started.append(_Started(turn.cell, claim, found=False))
        self.waiting = [turn for turn in self.waiting if turn not in made]

    def _look(self) -> None:
        """Ask the engine about all jobs, and handle those that ended."""
        try:
            states = self.engine.states([each.claim.id for each in self.started]) if self.started else {}
        except EngineError as error:
            if time.monotonic() - self.answered > PATIENCE:
                raise
            self.watch.unreachable(str(error))
            return
        self.answered = time.monotonic()
        for each in list(self.started):
            state = states.get(each.claim.id, JobState("ended"))
            each.phase = state.phase
            if state.phase != "ended" or not self._is_over(each, state):
                continue
            self.started.remove(each)
            files.drop_claim(self.launcher.place(each.cell))
            turn = self._next(each, state)
            if turn is not None:
                self.waiting.insert(0, turn)

    def _is_over(self, each: _Started, state: JobState) -> bool:
        """Whether all that the job wrote can be read now: on a network disk that may take a moment."""
        place = self.launcher.place(each.cell)
        known = state.code is not None or files.code_of_job(place, each.claim.name) is not None
        each.looks += 1
        return known or each.looks > SETTLE or result_of(place) is not None

    def _next(self, each: _Started, state: JobState) -> _Turn | None:
        """Record how a job ended. Returns the cell's next turn if it should be tried again."""
        cell, claim, place = each.cell, each.claim, self.launcher.place(each.cell)
        if self._collect(cell):
            return None
        code = files.code_of_job(place, claim.name) if state.code is None else state.code
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
