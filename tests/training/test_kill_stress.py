"""The stress script of the benchmarks, with few kills; `benchmarks/results/kill_stress.json` has what many gave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the script forks")
def test_kills_at_random_moments_lose_nothing(tmp_path):
    out = tmp_path / "short.json"
    command = [sys.executable, str(ROOT / "benchmarks" / "kill_stress.py"), "--out", str(out)]
    done = subprocess.run([*command, "--kills", "3", "--only", "dann,data-prepare"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(out.read_text())
    assert report["lost"] == 0
    assert report["kills"] == 6
    assert set(report["jobs"]) == {"dann", "data-prepare"}
