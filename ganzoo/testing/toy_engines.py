"""An engine of plain processes, which loses, doubles and delays jobs if its settings say so."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import Field

from ganzoo.engine import Engine, EngineSettings, Job, JobState, start_process
from ganzoo.settings import Settings


class ToySettings(EngineSettings):
    lose: int = Field(0, ge=0, description="How many jobs, the first ones, are lost: they never run.")
    forget: int = Field(0, ge=0, description="How many jobs are said to have ended as soon as they run.")
    unheard: int = Field(0, ge=0, description="How many jobs are said to run after they ended, until they are stopped.")
    copies: int = Field(1, ge=1, description="Processes that are started for each job.")
    delay: float = Field(0.0, ge=0, description="Seconds until a job is started.")


class ToyEngine(Engine):
    """Its jobs outlive the bench. The id of a job is the name of a file with the numbers of its processes."""

    name = "toy-engine"
    summary = "Processes that outlive the bench; some of them are lost, doubled or delayed on request."
    Config = ToySettings
    config: ToySettings
    poll = 0.1

    def __init__(self, config: Settings, folder: Path) -> None:
        super().__init__(config, folder)
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self.delayed: dict[str, threading.Timer] = {}
        self.started = 0
        self.stopped: set[str] = set()

    def start(self, jobs: Sequence[Job]) -> Sequence[str]:
        return [self._take(job) for job in jobs]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        return {each: self._state(each) for each in ids}

    def stop(self, ids: Sequence[str]) -> None:
        self.stopped |= set(ids)
        for each in ids:
            if each in self.delayed:
                self.delayed.pop(each).cancel()
            for number in self._numbers(each):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGTERM)
            for process in self.processes.get(each, []):
                process.wait()

    def usual_cpus(self) -> int:
        return 1

    def _take(self, job: Job) -> str:
        self.started += 1
        if self.started > self.config.lose:
            if self.config.delay:
                self.delayed[job.name] = threading.Timer(self.config.delay, self._run, [job])
                self.delayed[job.name].start()
            else:
                self._run(job)
        return job.name

    def _run(self, job: Job) -> None:
        made = [start_process(job, tied=False) for _ in range(self.config.copies)]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / job.name).write_text(" ".join(str(process.pid) for process in made))
        self.processes[job.name] = made
        self.delayed.pop(job.name, None)

    def _state(self, name: str) -> JobState:
        if name in self.delayed:
            return JobState("waiting")
        own = self.processes.get(name)
        if own and len(self.processes) <= self.config.forget:
            return JobState("ended")
        if own and name not in self.stopped and list(self.processes).index(name) < self.config.unheard:
            return JobState("running")
        if own:
            codes = [process.poll() for process in own]
            return JobState("running") if None in codes else JobState("ended", codes[0])
        return JobState("running" if any(map(_is_alive, self._numbers(name))) else "ended")

    def _numbers(self, name: str) -> list[int]:
        """The processes of a job."""
        try:
            return [int(part) for part in (self.folder / name).read_text().split()]
        except OSError:
            return []


def _is_alive(number: int) -> bool:
    """Whether a process runs: one that has ended, but whose parent has not looked, does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
