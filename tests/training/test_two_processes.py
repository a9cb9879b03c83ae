"""Two gloo processes under torchrun."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from conftest import ROOT, TOY
from safetensors.torch import load_file

RUN = ["--plugin", str(TOY), "--dataset", "toy", "--metrics", "none", "--precision", "fp32"]
RUN += ["--save-every", "4", "--log-every", "2"]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start(folder, processes, *arguments, method="shift"):
    launcher = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    launcher += [f"--master-port={free_port()}", "--master-addr=127.0.0.1", "-m"]
    done = subprocess.run(
        [*(launcher if processes > 1 else [sys.executable, "-m"]), "ganzoo", "run", method, *RUN, *arguments],
        cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def weights(run, step):
    return load_file(run / "checkpoints" / f"step-{step:08d}" / "parameters.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    start(folder, 2, "--steps", "8", "--batch-size", "4", "--out", "whole")
    return folder / "whole"


def test_each_process_keeps_its_own_buffers_and_one_writes_the_log(whole):
    names = {path.name for path in (whole / "checkpoints" / "step-00000008").iterdir()}
    assert {"buffers-0.safetensors", "buffers-1.safetensors", "parameters.safetensors"} <= names
    assert len((whole / "log.jsonl").read_text().splitlines()) == 4


def test_a_resumed_run_of_two_equals_one_never_stopped(whole, tmp_path):
    start(tmp_path, 2, "--steps", "8", "--batch-size", "4", "--out", "run")
    (tmp_path / "run" / "metrics.json").unlink()
    newest = tmp_path / "run" / "checkpoints" / "step-00000008"
    for file in newest.iterdir():
        file.unlink()
    done = start(tmp_path, 2, "--steps", "8", "--batch-size", "4", "--out", "run")
    assert "resuming from step 4 of 8" in done.stderr
    assert (tmp_path / "run" / "log.jsonl").read_text() == (whole / "log.jsonl").read_text()
    expected, got = weights(whole, 8), weights(tmp_path / "run", 8)
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_two_processes_with_half_the_batch_do_what_one_does(whole):
    start(whole.parent, 1, "--steps", "8", "--batch-size", "8", "--out", "one")
    expected, got = weights(whole.parent / "one", 8), weights(whole, 8)
    for name in expected:
        torch.testing.assert_close(got[name], expected[name], rtol=1e-4, atol=1e-6)


def test_a_run_of_two_is_not_resumed_by_one(whole):
    (whole / "metrics.json").unlink()
    arguments = ["run", "shift", *RUN, "--steps", "8", "--batch-size", "4", "--out", str(whole)]
    done = subprocess.run([sys.executable, "-m", "ganzoo", *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "saved by 2 processes but 1 are running" in done.stderr


def test_the_first_process_alone_has_trackers(tmp_path):
    trackers = ("--plugin", str(ROOT / "tests" / "tracker_plugin.py"), "--track", "notebook")
    start(tmp_path, 2, "--steps", "4", "--batch-size", "4", "--out", "run", *trackers)
    told = [json.loads(line)["what"] for line in (tmp_path / "run" / "notebook.jsonl").read_text().splitlines()]
    assert told == ["started", "log", "log", "image", "finished"]
