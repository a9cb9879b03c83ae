"""Whether methods trained in bf16 end with the scores of those trained in fp32 (about 40 minutes on two idle cores).

    python benchmarks/precision_quality.py [--out bench-runs/precision] [--seeds 5] [--images 32000]

Runs `ganzoo bench benchmarks/precision.toml`, which resumes where it stopped, and writes
benchmarks/results/precision_quality.json: for each method and score the mean of both precisions over seeds, the 95 %
t-interval of fp32, whether the mean of bf16 lies in it, and the interval of the paired difference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from machine import describe

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.rows import Row, comparisons
from ganzoo.benchmark.statistics import mean_interval

HERE = Path(__file__).parent
SUITE = HERE / "precision.toml"
METHODS = {"simgan": ("gaze_error_deg", "fid[efficientnet-lite0]"), "dann": ("direct_gaze_error_deg",)}


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench-runs/precision"))
@click.option("--seeds", default=5, type=click.IntRange(2))
@click.option("--images", default=32_000, type=click.IntRange(1))
def main(out: Path, seeds: int, images: int) -> None:
    command = [sys.executable, "-m", "ganzoo", "bench", str(SUITE), "--out", str(out)]
    subprocess.run([*command, "--seeds", str(seeds), "--images", str(images)], check=True)
    folder = BenchFolder(out)
    suite = folder.suite()
    (found,) = comparisons(folder.results(), suite.reference, list(suite.methods), list(suite.datasets))
    rows = {row.label: row for row in found.rows if not row.rival}
    compared = [_compared(method, score, rows) for method, scores in METHODS.items() for score in scores]
    document = {"machine": describe(torch.device("cpu")), "images": images, "scores": compared}
    file = HERE / "results" / "precision_quality.json"
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for row in compared:
        click.echo(json.dumps(row))


def _compared(method: str, score: str, rows: dict[str, Row]) -> dict[str, Any]:
    """Both precisions over the seeds that both have."""
    found = {name: _values(rows[f"{method}-{name}"], score) for name in ("fp32", "bf16")}
    seeds = sorted(set(found["fp32"]) & set(found["bf16"]))
    if len(seeds) < 2:
        return {"method": method, "score": score, "reason": "fewer than two seeds have it in both precisions"}
    full, half = ([found[name][seed] for seed in seeds] for name in ("fp32", "bf16"))
    (mean, width), (other, other_width) = _interval(full), _interval(half)
    shift, shift_width = _interval([b - a for a, b in zip(full, half, strict=True)])
    return {
        "method": method,
        "score": score,
        "seeds": len(seeds),
        "fp32": {"mean": mean, "half": width},
        "bf16": {"mean": other, "half": other_width},
        "bf16_inside_interval_of_fp32": abs(other - mean) <= width,
        "difference": {"mean": shift, "half": shift_width},
        "differs_by_more_than_chance": abs(shift) > shift_width,
    }


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean and half its 95 % t-interval; 0 where the values do not vary."""
    mean, half = mean_interval(values)
    return mean, half or 0.0


def _values(row: Row, score: str) -> dict[int, float]:
    """By seed. The precision stands in the card of no score that is compared here."""
    return {seed: value for estimate in row.scores.get(score, []) for seed, value in estimate.values.items()}


if __name__ == "__main__":
    main()
