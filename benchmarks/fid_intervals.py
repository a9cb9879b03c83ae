"""Which interval of a Frechet distance is honest? Makes the table of docs/metrics/notes/fid.md (about 3 minutes).

    python benchmarks/fid_intervals.py

Draws pairs of feature sets again and again (512 rectified features of 40 latent directions) and compares the spread of
the estimate over fresh draws with what a bootstrap and the infinitesimal jackknife say from one draw.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from ganzoo_fid.frechet import frechet_distance

FEATURES, LATENT = 512, 40
CASES = ((150, 0.3, 60), (150, 1.0, 60), (600, 0.3, 20))  # images, shift of the mean, repetitions
RESAMPLES = 20
OUT = Path(__file__).parent / "results" / "fid_intervals.json"


class Features:
    """Rectified features of a few latent directions, as those of a network's last hidden layer are."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        scale = np.linspace(3.0, 0.6, LATENT)[:, None] / np.sqrt(LATENT)
        self.weights = random.normal(size=(LATENT, FEATURES)) * scale
        self.bias = 0.3 * random.normal(size=FEATURES)

    def draw(self, count: int, shift: float) -> np.ndarray:
        moved = shift * np.r_[1.0, 0.5, np.zeros(LATENT - 2)]
        latent = self.random.normal(size=(count, LATENT)) + moved
        noise = 0.2 * self.random.normal(size=(count, FEATURES))
        return np.maximum(latent @ self.weights + self.bias + noise, 0)


def bootstrapped(a: np.ndarray, b: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The distance of resampled sets, `RESAMPLES` times."""
    rows = [(random.integers(len(a), size=len(a)), random.integers(len(b), size=len(b))) for _ in range(RESAMPLES)]
    return np.array([frechet_distance(a[i], b[j]).value for i, j in rows])


def case(features: Features, count: int, shift: float, repetitions: int) -> dict[str, float]:
    estimates, errors, means, spreads = [], [], [], []
    for _ in range(repetitions):
        a, b = features.draw(count, shift), features.draw(count, 0.0)
        estimate, resampled = frechet_distance(a, b), bootstrapped(a, b, features.random)
        estimates.append(estimate.value)
        errors.append(estimate.standard_error)
        means.append(resampled.mean())
        spreads.append(resampled.std(ddof=1))
    expected = float(np.mean(estimates))
    covered = np.abs(np.array(estimates) - expected) < 1.96 * np.array(errors)
    return {
        "images": count,
        "shift": shift,
        "repetitions": repetitions,
        "expected": round(expected, 1),
        "bootstrap_mean": round(float(np.mean(means)), 1),
        "true_sd": round(float(np.std(estimates, ddof=1)), 1),
        "bootstrap_sd": round(float(np.mean(spreads)), 1),
        "jackknife_sd": round(float(np.mean(errors)), 1),
        "jackknife_coverage": round(float(covered.mean()), 3),
    }


def main() -> None:
    features = Features(np.random.default_rng(0))
    rows = []
    for count, shift, repetitions in CASES:
        rows.append(case(features, count, shift, repetitions))
        print(rows[-1], flush=True)
    document = {"features": FEATURES, "latent": LATENT, "resamples": RESAMPLES, "numpy": np.__version__, "cases": rows}
    OUT.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
