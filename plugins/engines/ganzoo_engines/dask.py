"""Dask: a cluster that is there, by its address, or processes of this machine.

dask-jobqueue starts Dask clusters under PBS, LSF, SGE and HTCondor; the bench takes their address.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from ganzoo import hookimpl
from ganzoo.engine import Engine, EngineSettings, Job, JobState, start_process
from ganzoo.errors import EngineError
from ganzoo.settings import Settings

ganzoo_contract = 2

PROCESSES: dict[str, subprocess.Popen[bytes]] = {}  # in a worker: its jobs


class DaskSettings(EngineSettings):
    address: str = Field("", description="Address of the scheduler; empty: a cluster of this machine's processes.")
    scheduler_file: str = Field("", description="File with the address, as dask-scheduler --scheduler-file writes it.")
    workers: int = Field(2, ge=1, le=10**4, description="Processes of a cluster of this machine.")
    cpus: int = Field(1, ge=1, le=10**6, description="Threads of a cell for which the suite gives none.")
    resources: dict[str, float] = Field({}, description="Abstract resources of a worker that each job takes.")
    timeout: int = Field(30, ge=1, le=10**6, description="Seconds to wait for the scheduler.")


class Dask(Engine):
    name = "dask"
    summary = "Dask: a scheduler by its address, or a cluster of processes on this machine."
    library = "distributed"
    install = "pip install 'ganzoo[dask]'"
    Config = DaskSettings
    config: DaskSettings
    poll = 0.5

    def __init__(self, config: Settings, folder: Path) -> None:
        super().__init__(config, folder)
        import distributed

        self.outlives = bool(self.config.address or self.config.scheduler_file)
        where: dict[str, Any] = {"address": self.config.address or None}
        if self.config.scheduler_file:
            where = {"scheduler_file": self.config.scheduler_file}
        self.cluster: Any = None
        try:
            if not self.outlives:
                self.cluster = distributed.LocalCluster(
                    n_workers=self.config.workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
                )
                where = {"address": self.cluster}
            self.client = distributed.Client(**where, timeout=self.config.timeout, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(
                f"no Dask scheduler answers at {self.config.address or self.config.scheduler_file}: {error}"
            ) from error
        self.futures: dict[str, Any] = {}

    def start(self, jobs: Sequence[Job]) -> Sequence[str]:
        import distributed

        for job in jobs:
            takes = {"resources": self.config.resources} if self.config.resources else {}
            # no retries: whether a cell is tried again is for the bench to decide
            future = self.client.submit(run_job, job, key=job.name, pure=False, retries=0, **takes)
            distributed.fire_and_forget(future)  # the scheduler keeps it when the bench ends
            self.futures[job.name] = future
        return [job.name for job in jobs]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        try:
            known = self.client.run_on_scheduler(task_states, keys=list(ids))
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(f"the Dask scheduler does not answer: {error}") from error
        return {each: self._state(each, known.get(each)) for each in ids}

    def stop(self, ids: Sequence[str]) -> None:
        import distributed

        known = self.client.run_on_scheduler(task_states, keys=list(ids))
        self.client.run(end_processes, names=list(ids))  # in every worker: a thread cannot be interrupted
        waiting = [each for each in ids if known.get(each) not in (None, "processing", "memory", "erred")]
        if waiting:
            futures: list[Any] = [distributed.Future(each, client=self.client) for each in waiting]
            self.client.cancel(futures, force=True)

    def usual_cpus(self) -> int:
        return self.config.cpus

    def close(self) -> None:
        self.client.close()
        if self.cluster is not None:
            self.cluster.close()

    def _state(self, name: str, state: str | None) -> JobState:
        future = self.futures.get(name)
        if future is not None and future.status == "finished":
            return JobState("ended", future.result())
        if future is not None and future.status == "error":
            return JobState("ended", None, " ".join(str(future.exception()).split()))
        if future is not None and future.status in ("cancelled", "lost"):
            return JobState("ended", None, f"Dask says {future.status}")
        if future is not None and state is None:  # on its way to the scheduler
            return JobState("waiting")
        if state is None or state in ("memory", "erred", "forgotten"):
            return JobState("ended")
        return JobState("running" if state == "processing" else "waiting")


def task_states(keys: list[str], dask_scheduler: Any) -> dict[str, str]:
    """The states of tasks in the scheduler, in which this function runs."""
    return {key: dask_scheduler.tasks[key].state for key in keys if key in dask_scheduler.tasks}


def run_job(job: Job) -> int:
    """Run a job in a worker, and return its exit code. It ends with the worker."""
    process = start_process(job, tied=True)
    PROCESSES[job.name] = process
    try:
        return process.wait()
    finally:
        del PROCESSES[job.name]


def end_processes(names: list[str]) -> None:
    """End jobs of the worker in which this function runs."""
    for process in [PROCESSES[name] for name in names if name in PROCESSES]:
        assert process.stdin is not None
        process.stdin.close()


@hookimpl
def ganzoo_engines() -> Sequence[type[Engine]]:
    return [Dask]
