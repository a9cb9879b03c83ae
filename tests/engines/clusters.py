"""Clusters of this machine for tests and stress runs, which outlive the benches on them: Slurm, Ray, Dask."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

START_SLURM = Path(__file__).with_name("start_slurm.sh")
WAIT = 90.0  # seconds until a cluster that was started must answer


class Cluster(ABC):
    """A cluster that outlives the benches that use it, with every file of it in one folder."""

    engine: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it takes jobs. Raises RuntimeError if it does not."""

    @abstractmethod
    def stop(self) -> None: ...

    @abstractmethod
    def settings(self) -> str:
        """The file of --engine-config."""

    @abstractmethod
    def daemons(self) -> dict[str, int]:
        """The processes whose death the cluster must survive, by name. Those that are not there now are left out."""

    @abstractmethod
    def restart(self, daemon: str) -> None:
        """What an administrator does after a daemon died."""

    def tend(self) -> bool:
        """What an administrator looks after from time to time. Returns whether there was something to do."""
        return False


class SlurmCluster(Cluster):
    """One node, without accounting: `sacct` does not answer."""

    engine = "slurm"
    accounting = False

    def start(self) -> None:
        command = ["bash", START_SLURM, "start", self.folder]
        environment = {**os.environ, "ACCOUNTING": "1" if self.accounting else "0"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        os.environ["SLURM_CONF"] = str(self.folder / "slurm.conf")

    def stop(self) -> None:
        subprocess.run(["bash", START_SLURM, "stop", self.folder], check=False, timeout=120)
        os.environ.pop("SLURM_CONF", None)

    def settings(self) -> str:
        return ""

    def daemons(self) -> dict[str, int]:
        files = {name: self.folder / f"{name}.pid" for name in ("slurmctld", "slurmd")}
        return {name: int(file.read_text()) for name, file in files.items() if file.exists()}

    def restart(self, daemon: str) -> None:
        subprocess.run(["bash", START_SLURM, "restart", self.folder, daemon], check=True)

    def tend(self) -> bool:
        command = ["bash", START_SLURM, "resume", self.folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return "resumed" in done.stdout


class AccountedSlurmCluster(SlurmCluster):
    accounting = True


class ProcessCluster(Cluster):
    """A cluster whose daemons are processes that this one started."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def daemons(self) -> dict[str, int]:
        return {name: process.pid for name, process in self.processes.items() if process.poll() is None}

    def stop(self) -> None:
        for name in list(self.processes):
            self._end(name)

    def _start(self, name: str, command: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def _end(self, name: str) -> None:
        process = self.processes.pop(name)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        for number in _session(process.pid):  # what a daemon that was killed left behind
            _kill(number)
        process.wait()

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        limit = time.monotonic() + WAIT
        while not ready():
            if time.monotonic() > limit:
                raise RuntimeError(f"{what} does not answer after {WAIT:.0f} seconds; see {self.folder}")
            time.sleep(0.5)


class RayCluster(ProcessCluster):
    """A head that runs no jobs, and two nodes of two CPUs."""

    engine = "ray"
    nodes = ("node-0", "node-1")

    def start(self) -> None:
        os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}  # of this process and its benches
        self.port = _free_port()
        self._ray("head", "--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false",
                  f"--temp-dir={self.folder / 'ray'}")  # fmt: skip
        self._until(lambda: self._alive() >= 1, "Ray's head")
        for node in self.nodes:
            self.add(node)

    def add(self, node: str) -> None:
        """Start one node, and wait for it: nodes of one host that start at the same time stand in each other's way."""
        there = 1 + len(self.daemons())
        self._until(lambda: self._alive() == there, "Ray, which should notice that a node is gone,")
        self._ray(node, f"--address=127.0.0.1:{self.port}", "--num-cpus=2")
        self._until(lambda: self._alive() > there, f"Ray's {node}")

    def settings(self) -> str:
        return f'address = "127.0.0.1:{self.port}"\n'

    def daemons(self) -> dict[str, int]:
        """The raylets of the nodes: without a database of its own, Ray's head holds what nobody else knows."""
        found = {}
        for node in self.nodes:
            process = self.processes.get(node)
            raylets = [number for number in _session(process.pid) if _name(number) == "raylet"] if process else []
            found |= dict.fromkeys([node], raylets[0]) if raylets else {}
        return found

    def restart(self, daemon: str) -> None:
        self._end(daemon)
        self.add(daemon)

    def _ray(self, name: str, *options: str) -> None:
        program = Path(sys.executable).with_name("ray")
        self._start(name, [str(program), "start", *options, "--disable-usage-stats", "--block"])

    def _alive(self) -> int:
        command = f"import ray; ray.init(address='127.0.0.1:{self.port}', log_to_driver=False); "
        command += "print('alive:', sum(node['Alive'] for node in ray.nodes()))"
        done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, timeout=WAIT)
        _, found, count = done.stdout.rpartition("alive: ")  # Ray prints too
        return int(count.split()[0]) if found else 0


class DaskCluster(ProcessCluster):
    """A scheduler and two workers of one thread, each under its nanny, as on a cluster."""

    engine = "dask"

    def start(self) -> None:
        self.port = _free_port()
        self._scheduler()
        self._workers()

    def settings(self) -> str:
        return f'address = "tcp://127.0.0.1:{self.port}"\n'

    def restart(self, daemon: str) -> None:
        """Workers end with their scheduler, which knows nothing of them when it comes back."""
        if daemon == "scheduler":
            self.stop()
            self._scheduler()
        elif "workers" in self.processes:
            self._end("workers")
        self._workers()

    def _scheduler(self) -> None:
        self._dask("scheduler", "scheduler", f"--port={self.port}", "--no-dashboard")
        self._until(lambda: _answers(self.port), "Dask's scheduler")

    def _workers(self) -> None:
        self._dask("workers", "worker", f"tcp://127.0.0.1:{self.port}", "--nworkers=2", "--nthreads=1",
                   "--no-dashboard", f"--local-directory={self.folder}")  # fmt: skip

    def _dask(self, name: str, *options: str) -> None:
        self._start(name, [str(Path(sys.executable).with_name("dask")), *options])


CLUSTERS: dict[str, type[Cluster]] = {each.engine: each for each in (SlurmCluster, RayCluster, DaskCluster)}


def missing(cluster: type[Cluster]) -> str:
    """Why this machine cannot start that cluster; empty if it can. The engine's own library is another question."""
    if not issubclass(cluster, SlurmCluster):
        return ""
    packages = {"slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client", "munged": "munge"}
    if cluster.accounting:
        packages |= {"slurmdbd": "slurmdbd", "mariadbd": "mariadb-server"}
    for name, package in packages.items():
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            return f"{name} is not installed: apt-get install {package}"
    return "" if os.geteuid() == 0 else "slurmd needs root"


def _session(leader: int) -> Iterator[int]:
    """The processes of the session that a process leads, also those that outlived it."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            session = int((place / "stat").read_text().rpartition(")")[2].split()[3])
        except (OSError, ValueError):
            continue
        if session == leader:
            yield int(place.name)


def _name(number: int) -> str:
    try:
        return Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return ""


def _kill(number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
