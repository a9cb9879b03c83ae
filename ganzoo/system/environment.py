"""The software and hardware of a run: for run.toml, score cards and `ganzoo doctor`."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ganzoo import __version__


def environment(device: torch.device, precision: str) -> dict[str, Any]:
    """Versions, device and precision of a run, for run.toml and score cards."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    packages = ("torch", "torchvision", "numpy", "scipy", "pytorch-fid", "pydantic")
    return {
        "ganzoo": __version__,
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": f"{device} ({name})",
        "cpu_threads": torch.get_num_threads(),
        "precision": precision,
        **{package.replace("-", "_"): version(package) for package in packages},
    }


def git_commit() -> str:
    """The commit of the ganzoo checkout that runs, with "+" if it was changed; empty for an installed package."""
    here = Path(__file__).parent
    try:
        commit = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        tracked = subprocess.run(
            ["git", "ls-files", "--error-unmatch", Path(__file__).name], cwd=here, capture_output=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.stdout.strip() if tracked.returncode == 0 else ""
