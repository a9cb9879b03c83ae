"""Slurm, through submitit: job arrays, time limits and preemption with requeue."""

from __future__ import annotations

import getpass
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from ganzoo import hookimpl
from ganzoo.engine import Engine, EngineSettings, Job, JobState, Resources, start_process
from ganzoo.errors import EngineError
from ganzoo.settings import Settings

ganzoo_contract = 2

WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD",
                     "SPECIAL_EXIT", "SUSPENDED"})  # fmt: skip
RUNNING = frozenset({"RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING"})
HELD = frozenset({"launch failed requeued held", "launch_failed_requeued_held"})  # after a node failed, for example
SAVING = 120.0  # seconds that a cell has to save when Slurm warns
ANSWER = 60.0  # seconds to wait for Slurm's commands


class SlurmSettings(EngineSettings):
    partition: str = Field("", description="Partition of the jobs; empty: the cluster's default.")
    account: str = Field("", description="Account of the jobs.")
    qos: str = Field("", description="Quality of service of the jobs.")
    setup: tuple[str, ...] = Field((), description="Lines of shell before the job, such as module load cuda.")
    cpus: int = Field(1, ge=1, le=10**6, description="CPUs of a job for which the suite gives none.")
    gpus: int = Field(0, ge=0, le=10**6, description="GPUs of a job for which the suite gives none.")
    memory_gb: float | None = Field(None, gt=0, le=10**6, description="Memory of a job, in gigabytes.")
    minutes: int = Field(60, ge=1, le=10**6, description="Time limit of a job; a cell goes on in its next job.")
    warning_seconds: int = Field(90, ge=1, le=10**5, description="How long before the limit Slurm warns the cell.")
    most_timeouts: int = Field(100, ge=0, le=10**6, description="How often a job may be requeued at its limit.")
    at_once: int = Field(256, ge=1, le=10**6, description="Jobs of an array that run at the same time.")
    parameters: dict[str, Any] = Field({}, description="Further parameters of sbatch, such as constraint.")


class Slurm(Engine):
    name = "slurm"
    summary = "Slurm, through submitit: job arrays, time limits, preemption with requeue."
    library = "submitit"
    install = "pip install 'ganzoo[slurm]'"
    Config = SlurmSettings
    config: SlurmSettings
    poll = 2.0

    def __init__(self, config: Settings, folder: Path) -> None:
        super().__init__(config, folder)
        if shutil.which("sbatch") is None:
            raise EngineError("sbatch is not on the PATH; run the bench on a machine that submits to Slurm")

    def start(self, jobs: Sequence[Job]) -> Sequence[str]:
        ids: dict[str, str] = {}
        for wants, alike in _alike(jobs):
            executor = self._executor(wants)
            try:
                made = executor.map_array(SlurmCell(), alike)
            except Exception as error:  # submitit raises its own, of several kinds
                raise EngineError(f"sbatch refused the jobs: {' '.join(str(error).split())}") from error
            ids |= {job.name: each.job_id for job, each in zip(alike, made, strict=True)}
        return [ids[job.name] for job in jobs]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        # squeue knows every job that waits or runs, with and without accounting, and for minutes those that ended
        said = _slurm(
            "squeue", "--noheader", "--array", "--states=all", f"--user={getpass.getuser()}", "-o", "%i|%T|%r"
        )
        known = {name: (state, why) for name, state, why in _fields(said)}
        held = [each for each in ids if known.get(each, ("", ""))[1] in HELD]
        self.stop(held)  # which waits for an administrator; the bench starts the cell in another job
        return {each: _state(*known.get(each, ("", "")), held=each in held) for each in ids}

    def stop(self, ids: Sequence[str]) -> None:
        if ids:
            _slurm("scancel", *ids)

    def usual_cpus(self) -> int:
        return self.config.cpus

    def _executor(self, wants: Resources) -> Any:
        import submitit

        config = self.config
        executor = submitit.AutoExecutor(
            folder=self.folder / "submitit", cluster="slurm", slurm_max_num_timeout=config.most_timeouts
        )
        gpus = config.gpus if wants.gpus is None else wants.gpus
        memory = wants.memory_gb or config.memory_gb
        named = {"partition": config.partition, "account": config.account, "qos": config.qos}
        executor.update_parameters(
            name="ganzoo",
            nodes=1,
            tasks_per_node=1,
            cpus_per_task=wants.cpus or config.cpus,
            timeout_min=wants.minutes or config.minutes,
            slurm_array_parallelism=config.at_once,
            slurm_signal_delay_s=config.warning_seconds,
            slurm_additional_parameters={"requeue": True, **dict(config.parameters)},
            **({"gpus_per_node": gpus} if gpus else {}),
            **({"mem_gb": memory} if memory else {}),
            **({"slurm_setup": list(config.setup)} if config.setup else {}),
            **{f"slurm_{key}": value for key, value in named.items() if value},
        )
        return executor


class SlurmCell:
    """What submitit runs in a job: the process of a cell. Slurm's warning reaches it too, and it saves."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self, job: Job) -> int:
        self.process = start_process(job, tied=False)
        return self.process.wait()

    def checkpoint(self, job: Job) -> Any:
        """Called by submitit when Slurm warns: wait until the cell has saved, and have the job queued again."""
        import submitit

        if self.process is not None:
            with suppress(subprocess.TimeoutExpired):
                self.process.send_signal(signal.SIGUSR2)  # Slurm may have signalled this process alone
                self.process.wait(SAVING)
        return submitit.helpers.DelayedSubmission(SlurmCell(), job)


def _alike(jobs: Sequence[Job]) -> Iterator[tuple[Resources, list[Job]]]:
    """Jobs that need the same resources, which can be one array."""
    for wants in dict.fromkeys(job.resources for job in jobs):
        yield wants, [job for job in jobs if job.resources == wants]


def _fields(said: str) -> Iterator[tuple[str, str, str]]:
    """Id, state and reason in each line of squeue."""
    for line in said.splitlines():
        parts = line.strip().split("|", 2)
        if len(parts) == 3:
            yield parts[0], parts[1], parts[2]


def _state(said: str, why: str, *, held: bool) -> JobState:
    if held:
        return JobState("ended", None, f"Slurm holds it: {why}")
    if said in WAITING:
        return JobState("waiting")
    if said in RUNNING:
        return JobState("running")
    ended_well = said in ("", "COMPLETED")
    return JobState("ended", None, "" if ended_well else f"Slurm says {said}")


def _slurm(*command: str) -> str:
    """The output of one of Slurm's commands. Raises EngineError if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"{command[0]} does not answer: {error}") from error
    if done.returncode:
        raise EngineError(f"{command[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout


@hookimpl
def ganzoo_engines() -> Sequence[type[Engine]]:
    return [Slurm]
