"""`python -m ganzoo.testing.killed MODULE_OR_FILE CLASS SETTINGS FOLDER KILL_AT END`: a run that is killed by -9.

The process trains the method, with SETTINGS in JSON, for a few steps in FOLDER. It resumes from a checkpoint there and
kills itself after step KILL_AT, like a cluster; with 0 it trains to the end and writes the state to the file END.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from ganzoo.testing import toy
from ganzoo.testing.configured import configured
from ganzoo.training import loop
from ganzoo.training.config import TrainConfig
from ganzoo.training.observer import TrainingObserver


class _Killed(TrainingObserver):
    def __init__(self, at: int) -> None:
        self.at = at

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        if step == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def main(origin: str, name: str, settings: str, folder: str, kill_at: str, end: str) -> None:
    method = toy.hurried(configured(getattr(_module(origin), name), **json.loads(settings)))
    config = TrainConfig(steps=toy.STEPS, batch_size=4, save_every=3, precision="fp32", device="cpu")
    source, target = toy.domains(method.spec)
    loop.train(method, source, target, config, Path(folder), _Killed(int(kill_at)), paired=method.spec.paired)
    save_file({key: value.contiguous() for key, value in toy.state(method).items()}, end)


def _module(origin: str) -> Any:
    if not origin.endswith(".py"):
        return importlib.import_module(origin)
    spec = importlib.util.spec_from_file_location("ganzoo_plugin_file_killed", origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
