"""Ray: a cluster that is there, by its address, or one of this machine. Each job is an actor with a name."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from ganzoo import hookimpl
from ganzoo.engine import Engine, EngineSettings, Job, JobState, start_process
from ganzoo.errors import EngineError
from ganzoo.settings import Settings

ganzoo_contract = 2

NAMESPACE = "ganzoo"


class RaySettings(EngineSettings):
    address: str = Field("", description="Address of the cluster, or auto; empty: a cluster of this machine.")
    cpus: int = Field(1, ge=1, le=10**6, description="CPUs of a job for which the suite gives none.")
    gpus: float = Field(0.0, ge=0, le=10**6, description="GPUs of a job for which the suite gives none.")
    machine_cpus: int | None = Field(None, ge=1, le=10**4, description="CPUs of a cluster of this machine.")
    resources: dict[str, float] = Field({}, description="Custom resources that each job takes.")


class Ray(Engine):
    name = "ray"
    summary = "Ray: a cluster by its address, or one of this machine."
    library = "ray"
    install = "pip install 'ganzoo[ray]'"
    Config = RaySettings
    config: RaySettings
    poll = 0.5

    def __init__(self, config: Settings, folder: Path) -> None:
        super().__init__(config, folder)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody unless requested
        # the default of later versions: Ray leaves CUDA_VISIBLE_DEVICES alone for jobs without a GPU
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        self.outlives = bool(self.config.address)
        given: dict[str, Any] = {"address": self.config.address}
        if not self.outlives:
            given = {"address": "local", "num_cpus": self.config.machine_cpus, "include_dashboard": False}
        try:
            ray.init(**given, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            said = " ".join(str(error).split())
            where = self.config.address or "this machine"
            raise EngineError(f"no Ray cluster answers at {where}: {said}{self._about_tokens()}") from error
        self.codes: dict[str, Any] = {}  # job -> reference of its exit code
        self.actors: dict[str, Any] = {}
        self.polls: dict[str, Any] = {}

    def start(self, jobs: Sequence[Job]) -> Sequence[str]:
        for job in jobs:
            self.actors[job.name] = self._actor(job)
        return [job.name for job in jobs]

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        return {each: self._state(each) for each in ids}

    def stop(self, ids: Sequence[str]) -> None:
        import ray

        for each in ids:
            actor = self._find(each)
            if actor is not None:
                ray.kill(actor, no_restart=True)  # its process is tied to it
            self.codes.pop(each, None)
            self.actors.pop(each, None)

    def usual_cpus(self) -> int:
        return self.config.cpus

    def close(self) -> None:
        import ray

        ray.shutdown()

    def _actor(self, job: Job) -> Any:
        import ray

        wants = job.resources
        memory = {} if wants.memory_gb is None else {"memory": int(wants.memory_gb * 1e9)}
        options = ray.remote(JobActor).options(
            name=job.name,
            namespace=NAMESPACE,
            lifetime="detached" if self.outlives else None,
            num_cpus=self.config.cpus if wants.cpus is None else wants.cpus,
            num_gpus=self.config.gpus if wants.gpus is None else wants.gpus,
            resources=self.config.resources,
            max_restarts=0,  # whether a cell is tried again is for the bench to decide
            max_task_retries=0,
            max_concurrency=2,
            **memory,
        )
        return options.remote(job)

    def _about_tokens(self) -> str:
        """A cluster that `ray start` of Ray 2.60 makes asks for a token, and Ray's error does not say so."""
        if not self.outlives or os.environ.get("RAY_AUTH_MODE", "") == "token":
            return ""
        return "; if it asks for a token, set RAY_AUTH_MODE=token"

    def _find(self, name: str) -> Any:
        """The actor of a job; None if there is none any more."""
        import ray

        if name not in self.actors:
            try:
                self.actors[name] = ray.get_actor(name, namespace=NAMESPACE)
            except ValueError:
                return None
        return self.actors[name]

    def _state(self, name: str) -> JobState:
        import ray

        actor = self._find(name)
        if actor is None:
            return JobState("ended")
        if name not in self.codes:
            self.codes[name] = actor.code.remote()
            self.polls[name] = actor.here.remote()
        try:
            done, _ = ray.wait([self.codes[name]], timeout=0)
            if done:
                code = ray.get(self.codes[name])
                ray.kill(actor, no_restart=True)  # which gives its resources back
                return JobState("ended", code)
            started, _ = ray.wait([self.polls[name]], timeout=0)
        except ray.exceptions.RayActorError as error:
            return JobState("ended", None, _short(error))
        except ray.exceptions.RayError as error:
            raise EngineError(f"the Ray cluster does not answer: {_short(error)}") from error
        return JobState("running" if started else "waiting")


class JobActor:
    """Holds the process of a job, which ends with it."""

    def __init__(self, job: Job) -> None:
        self.process = start_process(job, tied=True)
        threading.Thread(target=self._leave, daemon=True).start()

    def here(self) -> bool:
        return True

    def code(self) -> int:
        """The exit code, as soon as there is one."""
        return self.process.wait()

    def _leave(self) -> None:
        """Give the resources back soon after the end, whether or not a bench is there to hear of it."""
        self.process.wait()
        threading.Event().wait(5.0)  # a bench that waits hears the code first
        os._exit(0)


def _short(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@hookimpl
def ganzoo_engines() -> Sequence[type[Engine]]:
    return [Ray]
