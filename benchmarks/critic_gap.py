"""Whether a critic's loss says how good generated samples are (Arjovsky et al. 2017, section 4.2), on the ring.

    python benchmarks/critic_gap.py [--steps 1500] [--every 50] [--seeds 3]

Trains `wgan`, `wgan-gp` and, as the control, `gan`, and every few steps measures the sliced Wasserstein distance
between 2,000 generated and held-out points, and the modes that they cover. Writes benchmarks/results/critic_gap.json:
these curves, and Spearman's correlation of the distance with the critic's gap, or with the negated loss of the
discriminator, which the theory of Goodfellow et al. 2014 relates to a divergence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from ganzoo_scores.modes import coverage
from ganzoo_toy.ring import Ring, RingConfig
from machine import describe
from scipy.stats import spearmanr, wasserstein_distance

from ganzoo.discovery.registry import registry
from ganzoo.method import Method
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train
from ganzoo.training.observer import TrainingObserver

POINTS, DIRECTIONS, SKIPPED = 2_000, 32, 2  # the critic has not learned anything before the first points of a curve
SETTINGS: dict[str, dict[str, Any]] = {"wgan": {}, "wgan-gp": {}, "gan": {"final_lr": 1e-3}}


class Recorder(TrainingObserver):
    """Measures the samples whenever loss terms are logged."""

    def __init__(self, method: Method, data: Ring) -> None:
        self.method, self.data, self.points = method, data, list[dict[str, float]]()

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        self.points.append({"step": step, "signal": signal(means), **quality(self.method, self.data)})


@click.command(help=__doc__)
@click.option("--steps", default=1_500, type=click.IntRange(1))
@click.option("--every", default=50, type=click.IntRange(1))
@click.option("--seeds", default=3, type=click.IntRange(1))
def main(steps: int, every: int, seeds: int) -> None:
    torch.set_num_threads(1)
    curves: dict[str, dict[str, list[dict[str, float]]]] = {}
    correlation: dict[str, dict[str, float]] = {}
    for name in SETTINGS:
        curves[name] = {str(seed): curve(name, seed, steps, every) for seed in range(seeds)}
        correlation[name] = {seed: rank_correlation(points) for seed, points in curves[name].items()}
        click.echo(f"{name}: {correlation[name]}")
    document = {"machine": describe(torch.device("cpu")), "steps": steps, "spearman": correlation, "curves": curves}
    file = Path(__file__).parent / "results" / "critic_gap.json"
    file.write_text(json.dumps(document) + "\n", encoding="utf-8")


def curve(name: str, seed: int, steps: int, every: int) -> list[dict[str, float]]:
    """The signal of the critic and the quality of the samples, every few steps of one run."""
    data, cls = Ring(RingConfig()), registry().get("methods", name)
    method = build_method(cls, cls.Config(**SETTINGS[name]), data.spec(), seed=seed, device=torch.device("cpu"))
    config = TrainConfig(
        steps=steps, batch_size=64, seed=seed, log_every=every, save_every=steps, device="cpu", precision="fp32"
    )
    recorder = Recorder(method, data)
    train(method, None, data.target(), config, observer=recorder)
    return recorder.points


def signal(terms: Mapping[str, float]) -> float:
    """The critic's gap; of a discriminator the value of the game, log 4 less twice a divergence (negated loss)."""
    if "critic/gap" in terms:
        return terms["critic/gap"]
    return -(terms["discriminator/real"] + terms["discriminator/generated"])


def quality(method: Method, data: Ring) -> dict[str, float]:
    """The sliced Wasserstein distance to held-out points, and the modes that are covered."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        made = method.generate(POINTS).numpy()  # type: ignore[operator]
    real = data.target_test().samples[:POINTS]
    angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    directions = np.stack([np.cos(angles), np.sin(angles)])
    distance = np.mean([wasserstein_distance(made @ each, real @ each) for each in directions.T])
    covered = coverage(made, data.centers(), data.config.deviation)
    return {"distance": float(distance), "modes": covered.covered}


def rank_correlation(points: list[dict[str, float]]) -> float:
    kept = points[SKIPPED:]
    return float(spearmanr([each["signal"] for each in kept], [each["distance"] for each in kept]).statistic)


if __name__ == "__main__":
    main()
