"""One of two processes is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import TOY
from training.test_two_processes import free_port, start, weights

STEPS = 150
RUN = ["run", "shift", "--plugin", str(TOY), "--dataset", "toy", "--metrics", "none", "--precision", "fp32"]
RUN += ["--steps", str(STEPS), "--save-every", "20", "--log-every", "10", "--batch-size", "4", "--out", "run"]

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


def workers(launcher: int) -> dict[int, int]:
    """Process ids of the training processes, by rank."""
    found = {}
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ranks = [int(each[5:]) for each in variables if each.startswith(b"RANK=")]
        found.update({rank: int(child) for rank in ranks})
    return found


@needs_proc
@pytest.mark.parametrize("rank", [0, 1])
def test_a_lost_process_ends_the_run_soon_and_the_same_command_goes_on(tmp_path, whole, rank):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    running = subprocess.Popen(
        [*launcher, f"--master-port={free_port()}", "-m", "ganzoo", *RUN],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = tmp_path / "run" / "log.jsonl"
    try:
        wait_for(running, log, '"step": 30,')
        os.kill(workers(running.pid)[rank], signal.SIGKILL)
        _, said = running.communicate(timeout=60)  # as long as a lost process may keep the others
    finally:
        if running.poll() is None:
            running.terminate()  # the launcher takes its processes with it
            running.communicate()
    assert running.returncode != 0
    assert f"{STEPS:08d}" not in "".join(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert "Error: another process of this run has ended" in said or "stopped by SIGTERM" in said, said
    done = start(tmp_path, 2, *RUN[len(RUN) - 10 :])
    assert "resuming from step" in done.stderr
    assert log.read_text() == (whole / "log.jsonl").read_text()
    expected, got = weights(whole, STEPS), weights(tmp_path / "run", STEPS)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def wait_for(running: subprocess.Popen[str], log: Path, words: str) -> None:
    limit = time.monotonic() + 300
    while not (log.exists() and words in log.read_text()):
        assert running.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.002)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    start(folder, 2, *RUN[len(RUN) - 10 :])
    return folder / "run"
