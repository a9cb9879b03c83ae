"""The same bench gives the same table and weights, to the bit, on every engine and whatever it goes through."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmark.bench_here import bench_here, collected
from conftest import TOY
from engines.clusters import AccountedSlurmCluster, Cluster, DaskCluster, RayCluster, SlurmCluster, missing
from extras import needs
from PIL import Image
from small_disk import small_disk

SUITE = """
images = 80
seeds = 1
train = { batch_size = 4, save_every = 2, log_every = 2 }
evaluate = { metrics = ["fid"] }

[metric.fid]
extractors = ["pixels"]

[datasets.toy]
settings = { count = 16 }

[methods.shift]

[methods.quicker]
method = "shift"
preset = "fast"
"""
CELLS = 2
LONGER = SUITE.replace("images = 80", "images = 2400")  # so that something can happen meanwhile
LONGEST = SUITE.replace("images = 80", "images = 40_000").replace("_every = 2", "_every = 1000")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def made_here(toys, tmp_path_factory) -> Callable[[str], dict[str, bytes]]:
    """The table and the weights of a suite's cells that run one after the other in this process."""
    known: dict[str, dict[str, bytes]] = {}

    def made_here(suite: str) -> dict[str, bytes]:
        if suite not in known:
            out = tmp_path_factory.mktemp("bench") / "reference"
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("OMP_NUM_THREADS", "1")
                collected(bench_here(out, suite))
            known[suite] = made_in(out)
        return known[suite]

    return made_here


def made_in(out: Path) -> dict[str, bytes]:
    """The table, and the weights of every cell."""
    weights = sorted(out.glob("cells/*/run/checkpoints/step-*/parameters.safetensors"))
    return {str(file.relative_to(out)): file.read_bytes() for file in (out / "table.csv", *weights)}


@pytest.fixture(scope="module", params=[SlurmCluster, AccountedSlurmCluster, RayCluster, DaskCluster])
def cluster(request, tmp_path_factory) -> Iterator[Cluster]:
    """A cluster that outlives its benches."""
    needs(request.param.engine)
    if why := missing(request.param):
        pytest.skip(why)
    before = dict(os.environ)
    cluster = request.param(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        os.environ.clear()
        os.environ.update(before)


class Bench:
    """A suite in a folder, and the command that runs it in a process of its own, as a user does."""

    def __init__(self, folder: Path, cluster: Cluster | None = None) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.engine = cluster.engine if cluster else "local"
        self.settings(cluster.settings() if cluster else "")
        self.suite(SUITE)

    def suite(self, text: str) -> None:
        (self.folder / "toy.toml").write_text(text)

    def settings(self, text: str) -> None:
        (self.folder / "engine.toml").write_text(text)

    def command(self, *more: str, engine: str = "") -> list[str]:
        given = ["--plugin", str(TOY), "--out", str(self.out), "--engine", engine or self.engine]
        if not engine:
            given += ["--engine-config", "engine.toml"]
        return [sys.executable, "-m", "ganzoo", "bench", "toy.toml", *given, *more]

    def run(self, *more: str, engine: str = "") -> subprocess.CompletedProcess[str]:
        """The command until it ends. Its errors are in `stdout` too."""
        command = self.command(*more, engine=engine)
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400, cwd=self.folder
        )

    def begun(self) -> subprocess.Popen[bytes]:
        """The command, as soon as all its cells have a process."""
        null = subprocess.DEVNULL
        process = subprocess.Popen(self.command(), stdin=null, stdout=null, stderr=null, cwd=self.folder)
        self.until_all_cells_run()
        return process

    def until_all_cells_run(self) -> None:
        limit = time.monotonic() + 200
        while len(self.processes()) < CELLS:
            assert time.monotonic() < limit
            time.sleep(0.05)

    def processes(self) -> list[Path]:
        """A file for each process that a cell has had."""
        return list(self.out.glob("cells/*/jobs/*.json"))


@pytest.fixture
def bench(cluster, tmp_path) -> Bench:
    return Bench(tmp_path, cluster)


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_cluster_of_this_machine_gives_the_same_bits(made_here, tmp_path, engine):
    needs(engine)
    bench = Bench(tmp_path)
    done = bench.run(engine=engine)
    assert done.returncode == 0, done.stdout
    assert made_in(bench.out) == made_here(SUITE)


def test_a_detached_bench_is_collected_later(bench, made_here):
    detached = bench.run("--detach")
    assert detached.returncode == 0, detached.stdout
    assert "Run the same command again" in detached.stdout
    other = bench.run(engine="local")
    assert other.returncode == 2
    assert f"2 cells of {bench.out} were given to the engine {bench.engine}" in " ".join(other.stdout.split())
    done = bench.run()
    assert done.returncode == 0, done.stdout
    assert made_in(bench.out) == made_here(SUITE)
    assert len(bench.processes()) == CELLS  # none was started twice


def test_the_next_bench_finds_the_cells_of_one_that_was_killed(bench, made_here):
    bench.suite(LONGER)
    first = bench.begun()
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = bench.run()
    assert done.returncode == 0, done.stdout
    assert made_in(bench.out) == made_here(LONGER)
    assert len(bench.processes()) == CELLS


def test_cells_that_are_cancelled_go_on_later(bench, made_here):
    bench.suite(LONGEST)
    assert bench.run("--detach").returncode == 0
    bench.until_all_cells_run()
    cancelled = bench.run("--cancel")
    assert cancelled.returncode == 0, cancelled.stdout
    assert not list(bench.out.glob("cells/*/result.json"))
    done = bench.run()
    assert done.returncode == 0, done.stdout
    assert made_in(bench.out) == made_here(LONGEST)


def test_cells_that_share_a_job_and_read_copies_give_the_same_bits(bench, cluster, made_here, tmp_path):
    random = np.random.default_rng(0)
    for domain in ("source", "target"):
        (tmp_path / domain).mkdir()
        for number in range(16):
            pixels = random.integers(0, 255, (36, 60), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / domain / f"{number}.png")
    labels = [f"{number}.png,0.1,{number / 100}\n" for number in range(16)]
    (tmp_path / "source" / "labels.csv").write_text("file,pitch,yaw\n" + "".join(labels))
    given = f'settings = {{ source = "{tmp_path}/source", target = "{tmp_path}/target" }}'
    suite = SUITE.replace("[datasets.toy]\nsettings = { count = 16 }", f'[datasets.mine]\ndataset = "pair"\n{given}')
    bench.suite(suite)
    bench.settings(cluster.settings() + f'cells_per_job = 2\nstage = "{tmp_path}/disk"\n')
    (tmp_path / "disk").mkdir()
    done = bench.run()
    assert done.returncode == 0, done.stdout
    assert made_in(bench.out) == made_here(suite)
    assert len(list((tmp_path / "disk").rglob("*.png"))) == 32  # one copy for both cells
    assert len(bench.processes()) == CELLS


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of its own, in which there is hardly any room."""
    with small_disk(tmp_path / "disk", "256k") as disk:
        (disk / "filler").write_bytes(bytes(120 * 1024))
        yield disk


def made_after_room_was_made(bench: Bench, disk: Path) -> dict[str, bytes]:
    """What a bench on a full disk makes, once there is room and it is started again."""
    bench.out = disk / "out"
    full = bench.run()
    assert full.returncode == 1, full.stdout
    assert "Traceback" not in full.stdout
    assert "No space left on device" in full.stdout
    (disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
    done = bench.run()
    assert done.returncode == 0, done.stdout
    return made_in(bench.out)


def test_a_full_disk_is_said_and_the_bench_goes_on_when_there_is_room(bench, disk, made_here):
    assert made_after_room_was_made(bench, disk) == made_here(SUITE)


def test_a_full_disk_is_said_by_a_bench_of_this_machine_too(made_here, disk, tmp_path):
    assert made_after_room_was_made(Bench(tmp_path), disk) == made_here(SUITE)


def test_a_preempted_cell_of_slurm_saves_and_goes_on_in_another_job(bench, cluster, made_here, tmp_path):
    if not isinstance(cluster, SlurmCluster):
        pytest.skip(f"{cluster.engine} does not preempt")
    bench.suite(LONGER)
    assert bench.run("--detach").returncode == 0
    bench.until_all_cells_run()
    wait = ["sbatch", "--wait", "--partition=high", "--cpus-per-task=4", "--wrap", "true", "-o", "/dev/null"]
    done = subprocess.run(wait, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    shown = subprocess.run(["scontrol", "show", "job"], capture_output=True, text=True).stdout
    result = bench.run()
    assert "Restarts=1" in shown or len(bench.processes()) > CELLS  # it was preempted
    assert result.returncode == 0, result.stdout
    assert made_in(bench.out) == made_here(LONGER)


def test_cells_of_a_node_that_is_lost_go_on_on_another(bench, cluster, made_here):
    if not isinstance(cluster, RayCluster):
        pytest.skip(f"the cluster of the tests has one node with {cluster.engine}")
    bench.suite(LONGER)
    running = bench.begun()
    os.kill(cluster.daemons()["node-0"], signal.SIGKILL)
    os.kill(cluster.daemons()["node-1"], signal.SIGKILL)  # one of them had the cells
    cluster.restart("node-1")
    assert running.wait(400) == 0
    cluster.restart("node-0")
    assert len(bench.processes()) > CELLS
    assert made_in(bench.out) == made_here(LONGER)


def test_a_bench_with_accounting_can_be_read_by_sacct(bench, cluster):
    if not isinstance(cluster, AccountedSlurmCluster):
        pytest.skip("sacct is Slurm's, and needs accounting")
    assert bench.run().returncode == 0
    said = subprocess.run(["sacct", "-nXo", "jobname,state"], capture_output=True, text=True, check=True).stdout
    assert [line.split() for line in said.splitlines()][-CELLS:] == [["ganzoo", "COMPLETED"]] * CELLS


def test_settings_that_do_not_exist_are_refused_in_one_sentence(bench):
    bench.settings("partitoin = 'gpu'\n")
    result = bench.run()
    assert result.returncode == 2
    assert "there is no setting 'partitoin'" in " ".join(result.stdout.split())
    assert not bench.out.exists() or not list(bench.out.glob("cells/*/jobs"))


def test_a_bench_on_this_machine_cannot_be_detached(tmp_path):
    result = Bench(tmp_path).run("--detach", engine="local")
    assert result.returncode == 2
    assert "--detach: the engine local ends with this command" in " ".join(result.stdout.split())
