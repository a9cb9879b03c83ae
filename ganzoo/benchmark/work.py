"""The process of one cell: `python -m ganzoo.benchmark.work FOLDER [PLUGIN_FILE | --track=NAME ...]`.

An engine starts it. It trains and measures in FOLDER/run as `ganzoo run` does, resumes an earlier attempt, and writes
FOLDER/result.json. It holds FOLDER meanwhile: a second process of the same cell ends at once, with the exit code HELD.
If GANZOO_TIED is 1, it ends when its standard input closes, as the process does that holds it open.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ganzoo.benchmark.budget import images_drawn, steps_for
from ganzoo.benchmark.cell import Cell, cell_of_tables
from ganzoo.benchmark.jobs import HELD, note_end, note_held, note_start
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.results import result_of
from ganzoo.benchmark.speed import steps_of_seconds
from ganzoo.configuration.toml import read_toml
from ganzoo.dataset import Dataset
from ganzoo.discovery.registry import registry
from ganzoo.engine import TIED
from ganzoo.errors import GanzooError, InterruptedRunError, InUseError
from ganzoo.method import Method
from ganzoo.report.curves import loss_curves
from ganzoo.report.sheets import sample_sheet
from ganzoo.runs.experiment import Plan, RunObserver, run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.runs.staging import staged
from ganzoo.runs.tracking import Tracking
from ganzoo.system.lock import locked
from ganzoo.training import signals
from ganzoo.training.build import build_method
from ganzoo.training.observer import TrainingObserver

EXPECTED_FAILURE, BUG = 1, 70  # exit codes: another attempt is useless, or may help
SAY_EVERY = 2.0  # seconds
TRACK = "--track="


class _Voice(RunObserver):
    """Prints what the process does, one line at a time. The bench shows the last line."""

    def training(self, plan: Plan, folder: RunFolder, method: Method, dataset: Dataset) -> TrainingObserver:
        return _Training(plan, folder, method, dataset)

    def doing(self, what: str) -> None:
        _say(what)

    def fitting(self, what: str, steps: int) -> TrainingObserver:
        return _Steps(f"fitting {what}")


class _Steps(TrainingObserver):
    def __init__(self, title: str) -> None:
        self.title, self.said = title, 0.0

    def started(self, first: int, steps: int) -> None:
        self.steps = steps
        print(f"{self.title}: from step {first} of {steps}", flush=True)

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        if time.monotonic() - self.said > SAY_EVERY:
            self.said = time.monotonic()
            print(f"{self.title}: step {step} of {self.steps}", flush=True)


class _Training(_Steps):
    """Also draws the pictures of the report at the last step."""

    def __init__(self, plan: Plan, folder: RunFolder, method: Method, dataset: Dataset) -> None:
        super().__init__(f"training {plan.method.name}")
        self.plan, self.folder, self.method, self.dataset = plan, folder, method, dataset

    def started(self, first: int, steps: int) -> None:
        super().started(first, steps)
        if first == steps and not self.folder.curves_file.exists():  # killed after the checkpoint, before the pictures
            self.saving(first)

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        for warning in warnings:
            print(f"warning at step {step}: {warning}", flush=True)

    def saving(self, step: int) -> None:
        if step < self.plan.train.steps:
            return
        source = self.dataset.source_test() or self.dataset.source()
        sheet = self.folder.path / "samples" / "last.png"
        able = registry().found["capabilities"]
        sample_sheet(self.method, source, self.dataset.target(), sheet, seed=0, capabilities=able)
        title = f"{self.plan.method.name}, {self.plan.preset}, seed {self.plan.train.seed}"
        loss_curves(self.folder.logged(self.folder.log_file), self.folder.curves_file, title)


def work(folder: Path, trackers: Sequence[str] = ()) -> None:
    """Run the cell in `folder`, report to the named trackers and write result.json. Raises GanzooError."""
    cell = cell_of_tables(read_toml(folder / "cell.toml"), folder / "cell.toml")
    cell = replace(cell, plan=replace(cell.plan, read_from=staged(cell.plan.dataset_config, _say)))
    bench = folder.resolve().parent.parent
    plan = _with_steps(cell, bench)
    run_folder = RunFolder(folder / "run")
    tracking = Tracking(trackers, _say, name=cell.id, group=bench.name)
    scores = run(plan, run_folder, _Voice(), tracking)
    facts = json.loads(run_folder.scores_file.read_text(encoding="utf-8"))
    made_with = run_folder.settings().get("environment", {})
    record = FinishedRecord(
        **cell.facts(),
        scores=scores,
        **{key: facts[key] for key in ("dataset_card", "step", "images_drawn", "parameters", "environment")},
        training_seconds=facts["training_seconds"],
        evaluation_seconds=round(sum(facts["evaluation_seconds"].values()), 3),
        images_per_second=round(facts["images_drawn"] / max(facts["training_seconds"], 1e-3), 1),
        peak_memory_mb=_peak_memory_mb(),
        code=" then ".join(dict.fromkeys([code_of(made_with), code_of(facts["environment"])])),
        settings=plan.tables(),
        trackers_that_failed=tracking.failures,
        finished=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    run_folder.replace(folder / "result.json", json.dumps(record.to_json(), default=str) + "\n")


def code_of(environment: Mapping[str, Any]) -> str:
    """The code in an environment: its version and, in a checkout, its commit."""
    version, commit = environment.get("ganzoo", "?"), environment.get("git_commit", "")
    return f"{version} ({commit})" if commit else str(version)


def _say(text: str) -> None:
    print(text, flush=True)


def _with_steps(cell: Cell, bench: Path) -> Plan:
    """The plan with the number of steps that the budget pays for."""
    plan, budget = cell.plan, cell.budget
    if budget.unit == "steps":
        return plan
    spec = plan.open_dataset().spec()
    method = build_method(plan.method, plan.method_config, spec, seed=0, device=torch.device("cpu"))
    if budget.unit == "images" or not method.phases():
        steps = steps_for(method, budget.amount, lambda groups: images_drawn(groups, plan.train.batch_size))
    else:
        steps = steps_of_seconds(cell, budget.amount, bench, _say)
    return replace(plan, train=plan.train.model_copy(update={"steps": steps}))


def _peak_memory_mb() -> dict[str, float]:
    """The peak memory of this process, which finished the cell."""
    peak: dict[str, float] = {}
    try:
        import resource
    except ImportError:  # Windows
        pass
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        peak["host"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
    if torch.cuda.is_available():
        peak["gpu"] = round(torch.cuda.max_memory_allocated() / 1e6)
    return peak


def _end_with_standard_input() -> None:
    os.read(0, 1)  # nobody ever writes: this returns when the other end is closed, even by kill -9
    os._exit(signals.RESUMABLE)


def main(arguments: Sequence[str]) -> int:
    if os.environ.pop(TIED, ""):
        threading.Thread(target=_end_with_standard_input, daemon=True).start()
    folder = Path(arguments[0])
    try:
        with signals.heard(), locked(folder):
            if result_of(folder) is not None:  # by an earlier process, which the bench did not know
                return 0
            note_start(folder)
            code = _code(folder, arguments[1:])
            note_end(folder, code)
            return code
    except InUseError as error:
        print(f"{error}; this one ends", flush=True)
        note_held(folder, HELD)
        return HELD
    except InterruptedRunError as stopped:  # before the cell began, or after it ended
        return stopped.exit_code
    except (GanzooError, OSError) as error:
        print(f"error: {error}", flush=True)
        return BUG


def _code(folder: Path, options: Sequence[str]) -> int:
    """Run the cell. Returns the exit code, after an error has been printed."""
    try:
        for file in options:
            if not file.startswith(TRACK):
                registry().add_file(file)
        work(folder, [each.removeprefix(TRACK) for each in options if each.startswith(TRACK)])
    except GanzooError as error:
        print(f"error: {error}", flush=True)
        return EXPECTED_FAILURE
    except InterruptedRunError as stopped:
        print(f"The cell was {stopped}", flush=True)
        return stopped.exit_code
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return BUG
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
