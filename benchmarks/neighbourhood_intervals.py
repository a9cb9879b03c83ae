"""Are intervals of precision, recall, density and coverage honest? Table of the page precision-recall (1 minute).

    python benchmarks/neighbourhood_intervals.py

Draws pairs of feature sets again and again and compares the spread of each estimate over fresh draws with the standard
error that the jackknife gives from one draw.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ganzoo_fid.neighbourhoods import density_and_coverage, precision_and_recall

REPETITIONS, LATENT, FEATURES = 100, 40, 512
OUT = Path(__file__).parent / "results" / "neighbourhood_intervals.json"
Draw = Callable[[int, float, float], np.ndarray]  # count, shift of the first direction, spread


def gaussian(size: int, random: np.random.Generator) -> Draw:
    return lambda count, shift, spread: spread * random.normal(size=(count, size)) + shift * np.eye(size)[0]


def rectified(random: np.random.Generator) -> Draw:
    """Features of a few latent directions, as those of a network's last hidden layer are."""
    weights = random.normal(size=(LATENT, FEATURES)) * np.linspace(3.0, 0.6, LATENT)[:, None] / np.sqrt(LATENT)
    bias = 0.3 * random.normal(size=FEATURES)
    latent = gaussian(LATENT, random)

    def draw(count: int, shift: float, spread: float) -> np.ndarray:
        noise = 0.2 * random.normal(size=(count, FEATURES))
        return np.maximum(latent(count, shift, spread) @ weights + bias + noise, 0)

    return draw


def case(what: str, draw: Draw, reals: int, fakes: int, shift: float, spread: float) -> list[dict[str, object]]:
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for _ in range(REPETITIONS):
        real, fake = draw(reals, 0.0, 1.0), draw(fakes, shift, spread)
        for name, score in {**precision_and_recall(fake, real, 3), **density_and_coverage(fake, real, 5)}.items():
            found.setdefault(name, []).append((score.value, score.standard_error, score.low, score.high))
    rows: list[dict[str, object]] = []
    for name, estimates in found.items():
        values, errors, low, high = np.array(estimates).T
        covered = (low <= values.mean()) & (values.mean() <= high)
        rows.append(
            {
                "features": what,
                "real_images": reals,
                "fake_images": fakes,
                "shift": shift,
                "spread": spread,
                "score": name,
                "mean": round(float(values.mean()), 3),
                "true_sd": round(float(values.std(ddof=1)), 4),
                "jackknife_sd": round(float(errors.mean()), 4),
                "intervals_that_cover": round(float(covered.mean()), 2),
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    random = np.random.default_rng(0)
    network, gaussian_8 = rectified(random), gaussian(8, random)
    rows = [
        *case("8 Gaussian", gaussian_8, 150, 150, 0.0, 1.0),
        *case("8 Gaussian", gaussian_8, 400, 150, 1.0, 0.8),
        *case("8 Gaussian", gaussian_8, 150, 150, 4.0, 0.5),
        *case("512 rectified", network, 150, 150, 1.0, 0.8),
        *case("512 rectified", network, 600, 600, 1.0, 0.8),
    ]
    OUT.write_text(json.dumps({"repetitions": REPETITIONS, "numpy": np.__version__, "cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
