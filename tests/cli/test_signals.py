"""A run that is asked to stop saves first, and the run that goes on equals one never stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import TOY

STEPS = 400


def command(out: Path, *more: object) -> list[str]:
    settings = [
        "--steps",
        STEPS,
        "--save-every",
        1000,
        "--log-every",
        20,
        "--batch-size",
        16,
        "--metrics",
        "none",
        *more,
    ]
    return [sys.executable, "-m", "ganzoo", "run", "shift", "--dataset", "toy", "--plugin", str(TOY), "--out", str(out),
            "--metrics", "none", *map(str, settings)]  # fmt: skip


def start(out: Path, *more: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command(out, *more), stderr=subprocess.PIPE, text=True, env=environment)


def wait_for_step(out: Path, step: int) -> None:
    """Until the log has that step."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if (out / "log.jsonl").exists() and f'"step": {step},' in (out / "log.jsonl").read_text():
            return
        time.sleep(0.002)
    pytest.fail(f"the run did not come to step {step} in a minute")


End = tuple[str, str, int]


def end_of(out: Path) -> End:
    """The log, the checksum of the final weights, and the images that were drawn."""
    manifest = json.loads((out / "checkpoints" / f"step-{STEPS:08d}" / "manifest.json").read_text())
    drawn = json.loads((out / "timing.jsonl").read_text().splitlines()[-1])["images"]
    return (out / "log.jsonl").read_text(), manifest["sha256"]["parameters.safetensors"], drawn


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> End:
    out = tmp_path_factory.mktemp("whole") / "run"
    process = start(out)
    assert process.wait(timeout=100) == 0
    return end_of(out)


def saved_steps(out: Path) -> list[int]:
    return sorted(int(path.name[-8:]) for path in (out / "checkpoints").glob("step-????????"))


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR2", 75)])
def test_a_run_asked_to_stop_saves_and_says_so(tmp_path: Path, never_stopped: End, name: str, code: int):
    out = tmp_path / "run"
    process = start(out)
    wait_for_step(out, 60)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    (step,) = saved_steps(out)
    assert 60 <= step < STEPS
    assert f"stopped by {name}, saved at step {step}; run the same command again to resume" in said
    assert "Traceback" not in said
    again = start(out)
    _, said = again.communicate(timeout=100)
    assert again.returncode == 0, said
    assert f"resuming from step {step} of {STEPS}" in said
    assert end_of(out) == never_stopped


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no SIGUSR1")
def test_a_run_that_is_warned_saves_and_goes_on(tmp_path: Path, never_stopped: End):
    out = tmp_path / "run"
    process = start(out)
    wait_for_step(out, 60)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=100) == 0
    early, last = saved_steps(out)
    assert 60 <= early < last == STEPS
    assert end_of(out) == never_stopped


def test_a_second_process_is_refused_and_a_killed_one_holds_nothing(tmp_path: Path, never_stopped: End):
    out = tmp_path / "run"
    first = start(out)
    wait_for_step(out, 20)
    first.send_signal(signal.SIGSTOP)  # so that it is there for as long as the second takes
    second = subprocess.run(command(out), capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert f"{out} is in use by another process (process {first.pid} on " in second.stderr
    assert "Traceback" not in second.stderr
    first.kill()
    first.wait()
    third = start(out)
    assert third.wait(timeout=100) == 0
    assert end_of(out) == never_stopped
