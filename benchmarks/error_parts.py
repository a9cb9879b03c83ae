"""What the gaze error of the rows of a bench consists of, to see what bounds it: error_parts.json beside its results.

    python benchmarks/error_parts.py --bench FOLDER --dataset by-day --out benchmarks/results/bench-adaptation
    python benchmarks/readme.py        # puts the table into benchmarks/README.md

The errors of a row (degrees, means over seeds) as its predictions are, and after corrections that are fitted with the
labels of the test, which no method has: without the mean error of each angle (all that a constant can do), with the
best straight line for each angle (bias and slope right), and of the average of all its seeds (without their spread).
What is then left is scatter, the same for all seeds.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import ganzoo
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.selection.predictions import FILE as PREDICTIONS
from ganzoo.task import Task

NAME = "error_parts.json"
PARTS = ("as it is", "without mean error", "with the best line", "average of its seeds", "average, with the best line")


def without_mean_error(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Predictions [N, 2] whose mean is that of the truth."""
    shifted: np.ndarray = predicted + (truth - predicted).mean(0)
    return shifted


def with_best_line(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For each angle, the straight line of the predictions that is nearest to the truth in least squares: [N, 2]."""
    centred = predicted - predicted.mean(0)
    spread = (centred**2).mean(0)
    slope = (centred * (truth - truth.mean(0))).mean(0) / np.where(spread > 0, spread, np.inf)  # 0 for a constant
    line: np.ndarray = truth.mean(0) + slope * centred
    return line


def parts(task: Task, seeds: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, float]:
    """Each part, from the predictions [N, 2] of the seeds of one row."""

    def error(predicted: np.ndarray) -> float:
        return float(task.error(torch.from_numpy(predicted).double(), torch.from_numpy(truth).double()).mean())

    average = task.average(torch.from_numpy(np.stack(seeds))).numpy()
    values = (
        np.mean([error(each) for each in seeds]),
        np.mean([error(without_mean_error(each, truth)) for each in seeds]),
        np.mean([error(with_best_line(each, truth)) for each in seeds]),
        error(average),
        error(with_best_line(average, truth)),
    )
    return {name: round(float(value), 3) for name, value in zip(PARTS, values, strict=True)}


def measured(bench: Path, dataset: str) -> dict[str, dict[str, float]]:
    """The parts of each row of the bench that has predictions."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    task: Task | None = None
    for record in BenchFolder(bench).all_results().finished.values():
        run = bench / "cells" / record.cell / "run"
        if record.dataset == dataset and (run / PREDICTIONS).exists():
            with np.load(run / PREDICTIONS) as held:
                found[record.label].append(held["target_test"])
            if task is None:
                trained = ganzoo.load(run)
                data = trained.plan.dataset(trained.plan.dataset_config)
                task, truth = trained.spec.task, np.asarray(data.target_test().labels)
    if task is None:
        raise SystemExit(f"{bench} has no predictions for {dataset}; they are written when its cells are done")
    return {label: {"seeds": len(seeds), **parts(task, seeds, truth)} for label, seeds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    document = {given.dataset: measured(given.bench, given.dataset)}
    (given.out / NAME).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
