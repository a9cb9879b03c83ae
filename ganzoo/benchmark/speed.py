"""A budget of seconds is converted to steps once for each row. Every seed of the row trains for that many steps.

So a killed cell can resume, and another seed or a later attempt on a busier machine trains for the same steps.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ganzoo.benchmark.budget import steps_for
from ganzoo.benchmark.cell import Cell
from ganzoo.errors import GanzooError
from ganzoo.files import strict_json
from ganzoo.method import Group, Stage
from ganzoo.runs.experiment import Plan
from ganzoo.system.environment import environment
from ganzoo.training.build import build_method
from ganzoo.training.devices import Hardware
from ganzoo.training.loop import train
from ganzoo.training.observer import TrainingObserver

WARM_UP = 3  # the first steps are slower than the others
SHARE, SHORTEST, LONGEST = 0.05, 0.2, 5.0  # of a measurement: share of the budget, and limits in seconds
UNENDING = 10**9  # steps of a measurement; the clock ends it earlier


class _EnoughError(Exception):
    """Raised when the measurement is complete."""


class _Clock(TrainingObserver):
    """Ends a training after `window` seconds and measures the seconds of a step."""

    def __init__(self, device: torch.device, window: float) -> None:
        self.device, self.window, self.seconds_per_step = device, window, 0.0

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        if step == WARM_UP:
            self.began = self._now()
        elif step > WARM_UP and time.perf_counter() - self.began >= self.window:
            self.seconds_per_step = (self._now() - self.began) / (step - WARM_UP)
            raise _EnoughError

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # wait for kernels that still run
        return time.perf_counter()


def steps_of_seconds(cell: Cell, seconds: float, folder: Path, say: Callable[[str], None]) -> int:
    """The steps for which the row of the cell trains. They are read from the bench folder, or measured and kept there.

    Raises GanzooError if the file cannot be written or is damaged.
    """
    file = folder / "steps" / f"{cell.row_id}.json"
    if not file.exists():
        _keep(file, _measured(cell.plan, seconds, say))
    try:
        kept = strict_json.parse(file.read_text(encoding="utf-8"))
        steps = kept["steps"]
        if type(steps) is not int or steps < 1:
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise GanzooError(f"{file} is damaged; delete it to have the steps of this row measured again") from None
    return int(steps)


def _measured(plan: Plan, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """The steps of the budget and the measurements. A step is timed once for each set of phases that may run in it."""
    dataset = plan.open_dataset()
    source, target = dataset.source(), dataset.target()
    hardware = Hardware.resolve(plan.train.device, plan.train.precision)
    device = hardware.device
    window = min(max(SHARE * seconds, SHORTEST), LONGEST)
    known: dict[tuple[Group, ...], float] = {}

    def cost(groups: Sequence[Group]) -> float:
        key = tuple(groups)
        if key not in known:
            say("measuring the seconds of a step of " + _names(key, ", "))
            method = build_method(plan.method, plan.method_config, dataset.spec(), seed=plan.train.seed, device=device)
            method.stages = lambda: (Stage("timed", 1.0, lambda step: key),)  # type: ignore[method-assign]
            clock = _Clock(device, window)
            with suppress(_EnoughError):
                unending = plan.train.model_copy(update={"steps": UNENDING})
                train(method, source, target, unending, None, clock, paired=method.spec.paired)
            known[key] = clock.seconds_per_step
        return known[key]

    method = build_method(plan.method, plan.method_config, dataset.spec(), seed=plan.train.seed, device=device)
    return {
        "seconds": seconds,
        "steps": steps_for(method, seconds, cost),
        "seconds_per_step": {_names(key, " "): round(took, 6) for key, took in known.items()},
        "environment": environment(device, hardware.precision),
    }


def _names(groups: Sequence[Group], between: str) -> str:
    return between.join(dict.fromkeys(name for group in groups for name in group))


def _keep(file: Path, measured: dict[str, Any]) -> None:
    """Write the file atomically, unless another cell of the row wrote it first: then those steps are used."""
    aside = file.with_suffix(f".{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(measured, indent=1, default=str) + "\n", encoding="utf-8")
        with suppress(FileExistsError):
            os.link(aside, file)
        aside.unlink()
    except OSError as error:
        raise GanzooError(f"{file} cannot be written: {error.strerror}") from error
