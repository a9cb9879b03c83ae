"""The same bench gives the same table and the same weights, to the bit, on every engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmark.bench_here import bench_here, collected
from conftest import TOY
from extras import needs

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
START_SLURM = Path(__file__).with_name("start_slurm.sh")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def reference(toys, tmp_path_factory):
    """The table and the weights of cells that run one after the other in this process."""
    out = tmp_path_factory.mktemp("bench") / "reference"
    collected(bench_here(out, SUITE))
    return made_in(out)


@pytest.fixture
def bench(ganzoo, toys, tmp_path):
    """Run the bench on an engine. Returns the result of the command."""
    (tmp_path / "toy.toml").write_text(SUITE)

    def run(engine, *more):
        return ganzoo("bench", "toy.toml", "--plugin", TOY, "--out", "out", "--engine", engine, *more)

    return run


def made_in(out: Path) -> tuple[bytes, dict[str, bytes]]:
    """The table, and the weights of every cell."""
    weights = sorted(out.glob("cells/*/run/checkpoints/step-*/parameters.safetensors"))
    return (out / "table.csv").read_bytes(), {str(file.relative_to(out)): file.read_bytes() for file in weights}


@pytest.fixture
def slurm(tmp_path_factory, monkeypatch):
    """A Slurm of one node for the test."""
    needs("slurm")
    if missing := [name for name in ("slurmctld", "slurmd", "munged") if not _found(name)]:
        pytest.skip(f"{missing[0]} is not installed: apt-get install slurmctld slurmd slurm-client munge")
    if os.geteuid() != 0:
        pytest.skip("slurmd needs root")
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run(["bash", START_SLURM, "start", folder], capture_output=True, text=True, timeout=120)
    if started.returncode:
        pytest.skip(f"Slurm does not start here: {started.stderr.strip().splitlines()[-1]}")
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    yield folder
    subprocess.run(["bash", START_SLURM, "stop", folder], check=False, timeout=60)


def _found(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_cluster_of_this_machine_gives_the_same_bits(reference, tmp_path, engine):
    needs(engine)
    (tmp_path / "toy.toml").write_text(SUITE)
    # a process of its own: Dask's workers import the main module again, which must not be pytest
    command = [sys.executable, "-m", "ganzoo", "bench", "toy.toml", "--plugin", TOY, "--out", "out", "--engine", engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert made_in(tmp_path / "out") == reference


def test_slurm_gives_the_same_bits_and_a_detached_bench_is_collected_later(bench, reference, slurm, tmp_path):
    detached = bench("slurm", "--detach")
    assert detached.exit_code == 0, detached.output
    assert "Run the same command again" in detached.output
    other = bench("local")
    assert other.exit_code == 2
    assert "2 cells of out were given to the engine slurm" in other.output
    result = bench("slurm")
    assert result.exit_code == 0, result.output
    assert made_in(tmp_path / "out") == reference
    assert len(list((tmp_path / "out").glob("cells/*/jobs/*.json"))) == 2  # each cell had one process


def test_a_preempted_cell_of_slurm_saves_and_goes_on_in_another_job(bench, reference, slurm, tmp_path):
    assert bench("slurm", "--detach").exit_code == 0
    limit = time.monotonic() + 120
    while len(list((tmp_path / "out").glob("cells/*/jobs/*.json"))) < 2:
        assert time.monotonic() < limit
        time.sleep(0.05)
    wait = ["sbatch", "--wait", "--partition=high", "--cpus-per-task=4", "--wrap", "true", "-o", "/dev/null"]
    done = subprocess.run(wait, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=os.environ)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run(["scontrol", "show", "job"], capture_output=True, text=True, env=os.environ).stdout
    result = bench("slurm")
    assert "Restarts=1" in shown or len(list((tmp_path / "out").glob("cells/*/jobs/*.json"))) > 2  # it was preempted
    assert result.exit_code == 0, result.output
    assert made_in(tmp_path / "out") == reference


def test_an_engine_whose_settings_are_wrong_is_refused_in_one_sentence(bench, tmp_path):
    (tmp_path / "engine.toml").write_text("partitoin = 'gpu'\n")
    result = bench("slurm", "--engine-config", "engine.toml")
    if "is not installed" not in result.output:
        assert "there is no setting 'partitoin'; did you mean 'partition'?" in result.output
    assert result.exit_code == 2
    assert bench("slurn").exit_code == 2


def test_a_bench_on_this_machine_cannot_be_detached(bench):
    result = bench("local", "--detach")
    assert result.exit_code == 2
    assert "--detach: the engine local ends with this command" in result.output
