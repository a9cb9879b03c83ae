"""--compile: the same training, after a wait that is said. Slow: compiling takes half a minute."""

import json
import os
import subprocess
import sys

import pytest
from conftest import TOY
from safetensors.torch import load_file

RUN = ("run", "shift", "--plugin", TOY, "--dataset", "toy", "--batch-size", 8, "--metrics", "none",
       "--precision", "fp32", "--log-every", 1, "--save-every", 2)  # fmt: skip


def losses(folder):
    return [json.loads(line)["shift/moments"] for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_compiled_run_learns_what_an_eager_one_learns_and_is_resumed_to_the_bit(ganzoo, tmp_path):
    eager = ganzoo(*RUN, "--steps", 6, "--out", "eager")
    compiled = ganzoo(*RUN, "--steps", 6, "--compile", "--out", "compiled")
    assert compiled.exit_code == 0, compiled.output
    assert "compiling phase shift" in compiled.output
    assert "phase shift was compiled in" in compiled.output
    assert "compil" not in eager.output
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "eager"), rel=1e-4)

    last = tmp_path / "compiled" / "checkpoints" / "step-00000006"
    weights, log = load_file(last / "parameters.safetensors"), losses(tmp_path / "compiled")
    last.rename(tmp_path / "elsewhere")
    (tmp_path / "compiled" / "metrics.json").unlink()
    again = ganzoo(*RUN, "--steps", 6, "--compile", "--out", "compiled")
    assert "resuming from step 4" in again.output
    assert losses(tmp_path / "compiled") == log
    assert all(value.equal(weights[name]) for name, value in load_file(last / "parameters.safetensors").items())


@pytest.mark.slow
def test_without_a_compiler_it_is_said(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", *map(str, RUN), "--steps", "2", "--compile", "--out", str(tmp_path / "out")],
        env={**os.environ, "CXX": "/nonexistent", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    said = done.stderr.strip().splitlines()[-1]
    assert said.startswith("Error: --compile: torch.compile fails on phase shift")
    assert "No working C++ compiler" in said
    assert said.endswith("leave --compile out")
