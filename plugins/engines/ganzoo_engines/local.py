"""Processes of this machine: the default engine. They end with the bench."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ganzoo import hookimpl
from ganzoo.engine import Engine, Job, JobState, start_process
from ganzoo.settings import Settings

ganzoo_contract = 2

MOST_JOBS = 4  # on CPU cores


class Local(Engine):
    name = "local"
    summary = "Processes of this machine, which end with the bench."
    poll = 0.1
    outlives = False

    def __init__(self, config: Settings, folder: Path) -> None:
        super().__init__(config, folder)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.slots: dict[str, int] = {}  # of jobs that run

    def start(self, jobs: Sequence[Job]) -> Sequence[str]:
        return [self._start(job) for job in jobs]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        return {each: self._state(each) for each in ids}

    def stop(self, ids: Sequence[str]) -> None:
        known = [self.processes[each] for each in ids if each in self.processes]
        for process in known:  # a cell ends when its standard input closes; its checkpoints stay
            assert process.stdin is not None
            process.stdin.close()
        for process in known:
            process.wait()

    def usual_jobs(self) -> int:
        """Each needs a GPU, or a core and a gigabyte or two of memory."""
        return _gpus() or min(MOST_JOBS, os.cpu_count() or 1)

    def _start(self, job: Job) -> str:
        slot = next(slot for slot in range(len(self.slots) + 1) if slot not in self.slots.values())
        process = start_process(job, tied=True, more=_visible_gpu(job, slot))
        self.processes[job.name], self.slots[job.name] = process, slot
        return job.name

    def _state(self, name: str) -> JobState:
        process = self.processes.get(name)
        if process is None:
            return JobState("ended")
        code = process.poll()
        if code is None:
            return JobState("running")
        self.slots.pop(name, None)
        return JobState("ended", code)


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _visible_gpu(job: Job, slot: int) -> dict[str, str]:
    """One GPU for each job that uses one, if there are several."""
    count = 0 if job.resources.gpus == 0 else _gpus()
    if count < 2:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[slot % count]}


@hookimpl
def ganzoo_engines() -> Sequence[type[Engine]]:
    return [Local]
