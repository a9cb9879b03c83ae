"""The contract of an engine: what runs the cells of a bench, such as processes of this machine or a cluster.

An engine only starts, looks and stops. The bench decides what runs, how often, and whether it succeeded: it reads the
cell's result, never the engine's word. So an engine may lose, repeat or delay a job without harm to the results.
"""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from ganzoo.settings import Settings

LOG = "output.log"
TIED = "GANZOO_TIED"  # set to 1 for a job that has to end when its standard input closes
MOST = 10**6  # cpus, gpus, gigabytes or minutes: larger than any request, so that a typing error is refused


class Resources(Settings):
    """What a job needs. What is not given is up to the engine's own settings."""

    cpus: int | None = Field(None, ge=1, le=MOST, description="CPU cores, and threads of the process.")
    gpus: int | None = Field(None, ge=0, le=MOST, description="GPUs.")
    memory_gb: float | None = Field(None, gt=0, le=MOST, description="Memory of the host in gigabytes.")
    minutes: int | None = Field(None, ge=1, le=MOST, description="The longest time that one job may take.")


class EngineSettings(Settings):
    """The settings of any engine. A `Config` that derives from it has them, too."""

    cells_per_job: int = Field(
        1,
        ge=1,
        le=1000,
        description="Cells that one job runs, one after the other: for cells that are short beside the time that the "
        "engine takes to start a job.",
    )
    stage: str = Field(
        "",
        description="A folder on a disk of the machine where a cell runs, such as $TMPDIR: files that the dataset's "
        "settings name are copied there, compared, and read from there.",
    )


@dataclass(frozen=True)
class Job:
    """One process to run."""

    name: str  # unique; of letters, digits and "_.-", so that it can be the engine's own name of the job
    command: Sequence[str]
    folder: Path  # absolute; the job's output is appended to its file output.log
    directory: Path  # absolute; the process starts in it
    environment: Mapping[str, str] = field(default_factory=dict)  # variables, over those of the place where it runs
    resources: Resources = field(default_factory=Resources)


@dataclass(frozen=True)
class JobState:
    """What an engine knows of a job. A job that waits to be started again, after a preemption for example, waits."""

    phase: Literal["waiting", "running", "ended"]
    code: int | None = None  # exit code of an ended job, -N for signal N; None if the engine does not know it
    reason: str = ""  # what the engine says about the end, such as "out of memory"


class Engine(ABC):
    """Runs jobs. It is created for a bench with its settings and a folder for files of its own.

    All methods raise `ganzoo.errors.EngineError` if the engine cannot be reached; the bench then asks again later.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    library: ClassVar[str] = ""  # the module that must be importable; imported in `__init__`, not before
    install: ClassVar[str] = ""  # the command that installs it
    Config: ClassVar[type[Settings]] = EngineSettings  # the settings in the file of --engine-config
    poll: ClassVar[float] = 1.0  # seconds between two looks at the states
    outlives: bool = True  # whether jobs go on when the bench ends, and can be found by their ids

    def __init__(self, config: Settings, folder: Path) -> None:
        self.config, self.folder = config, folder

    @abstractmethod
    def start(self, jobs: Sequence[Job]) -> Sequence[str]:
        """Start the jobs, or queue them. Returns their ids in the same order, without waiting for any job."""

    @abstractmethod
    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        """The state of each job. An id that the engine does not know, or no longer, has ended."""

    @abstractmethod
    def stop(self, ids: Sequence[str]) -> None:
        """End the jobs, and forget those that wait. A job that has ended is left alone."""

    def usual_cpus(self) -> int | None:
        """CPU cores of a job for which nothing else says how many; None: this machine's, divided by the jobs."""
        return None

    def usual_jobs(self) -> int | None:
        """How many jobs to hand over at once by default; None: all, because the engine has a queue."""
        return None

    def close(self) -> None:  # noqa: B027 (most engines have nothing to close)
        """The bench ends. Jobs of an engine that outlives it go on."""


def start_process(job: Job, *, tied: bool, more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a job's command on this machine, with `more` variables in its environment.

    A tied process ends when this process ends, in any way: it reads its standard input, which this process holds open
    (`process.stdin`). Any other has none.
    """
    variables = {**os.environ, **job.environment, **(more or {})}
    variables.pop(TIED, None)
    if tied:
        variables[TIED] = "1"
    with (job.folder / LOG).open("ab") as log:
        return subprocess.Popen(
            list(job.command),
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
            cwd=job.directory,
        )
