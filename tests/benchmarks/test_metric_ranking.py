"""The ranking of metrics: against metrics that are the truth, its opposite, and nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ganzoo.benchmark.record import FinishedRecord
from ganzoo.metric import Score

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from metric_ranking import judged, losses_of, scores_of, tables  # scripts are not a package


def record(row: int, seed: int) -> FinishedRecord:
    truth = row + 0.1 * seed
    scores = [
        Score("gaze_error_deg", truth),
        Score("gaze_error_deg", 99.0, subject="source-only"),
        Score("fid[gaze]", 2 * truth + 1),
        Score("recall[gaze]", -truth, better="higher"),
        Score("kid[gaze]", -truth),
        Score("label_drift_deg", None, reason="not measured"),
    ]
    return FinishedRecord(
        cell=f"row{row}-seed{seed}", label=f"row{row}", dataset="eyes", seed=seed, method="simgan", settings_hash="0",
        scores=scores, training_seconds=1.0, evaluation_seconds=1.0, code="0",
    )  # fmt: skip


RECORDS = [record(row, seed) for row in range(6) for seed in range(3)]
ROWS = {each.cell: each.label for each in RECORDS}


@pytest.mark.parametrize(("metric", "expected"), [("fid[gaze]", 1), ("recall[gaze]", 1), ("kid[gaze]", -1)])
def test_a_metric_that_follows_the_truth_ranks_plus_one_and_its_opposite_minus_one(metric, expected):
    scores = scores_of(RECORDS)
    found = judged(metric, scores[metric], scores["gaze_error_deg"], ROWS)
    assert (found.runs, found.families) == (18, 6)
    assert [found.spearman, found.between, found.within] == pytest.approx([expected] * 3)


def test_a_loss_of_too_few_rows_is_left_out():
    assert (
        judged(
            "refiner/loss",
            {"row0-seed0": 1.0, "row1-seed0": 2.0, "row2-seed0": 3.0},
            scores_of(RECORDS)["gaze_error_deg"],
            ROWS,
        )
        is None
    )


def test_the_tables_rank_metrics_and_losses_by_correlation():
    losses = {"refiner/noise": dict(zip(ROWS, np.random.default_rng(0).normal(size=len(ROWS)), strict=True))}
    text = "\n".join(tables(RECORDS, losses))
    assert "18 runs of 6 rows" in text
    assert (
        text.index("`fid[gaze]` | 18 | +1.00") < text.index("`refiner/noise`") < text.index("`kid[gaze]` | 18 | -1.00")
    )
    assert "label_drift_deg`" not in text.split("###")[1].split("\n", 1)[1]  # it has no value


def test_a_loss_is_the_mean_of_the_last_lines_of_its_log(tmp_path):
    log = tmp_path / "cells" / "one" / "run" / "log.jsonl"
    log.parent.mkdir(parents=True)
    lines = [{"step": step, "refiner/adversarial": float(step), "warning": "x"} for step in range(10)]
    log.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert losses_of(tmp_path) == {"refiner/adversarial": {"one": 7.0}}
