"""The published table of Office+Caltech-10: nearest neighbours without adaptation, and with subspace alignment.

    python benchmarks/office_caltech.py --root FOLDER [--draws 10]

Draws the source ten times for each pair of domains (data seeds 0 to 9), fits ganzoo's `subspace-alignment` with and
without alignment on ganzoo's `office-caltech`, and writes benchmarks/results/office_caltech.json: the accuracy in per
cent of every draw, and for each pair and the mean over pairs the mean, its standard error over draws, and the published
number (redhat12345/OfficeCaltechDomainAdaptation). Takes a few minutes on one core.
"""

from __future__ import annotations

import json
import time
from itertools import permutations
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from ganzoo_adaptation.subspace_alignment import SubspaceAlignment, SubspaceAlignmentConfig
from ganzoo_office_caltech import OfficeCaltech, OfficeCaltechConfig
from machine import describe

from ganzoo.training.build import build_method

CPU = torch.device("cpu")
METHODS = {"source-only": False, "subspace-alignment": True}
LETTERS = {"amazon": "A", "caltech10": "C", "dslr": "D", "webcam": "W"}
# features -> pair -> published accuracy of (source-only, subspace alignment) in per cent
PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "surf": {
        "A->C": (22.3, 34.1), "A->D": (23.6, 31.8), "A->W": (23.2, 29.4),
        "C->A": (21.4, 35.5), "C->D": (22.5, 35.2), "C->W": (21.5, 30.3),
        "D->A": (27.3, 32.9), "D->C": (24.3, 30.9), "D->W": (52.4, 79.6),
        "W->A": (22.9, 32.6), "W->C": (19.0, 29.4), "W->D": (52.1, 82.7),
        "mean": (27.7, 40.4),
    },
    "googlenet1024": {
        "A->D": (89.0, 89.1), "A->W": (82.3, 83.4), "D->A": (82.3, 87.3),
        "D->W": (96.9, 97.5), "W->A": (86.4, 89.9), "W->D": (99.2, 99.5),
    },
}  # fmt: skip


@click.command(help=__doc__)
@click.option("--root", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--draws", default=10, type=click.IntRange(2))
def main(root: Path, draws: int) -> None:
    torch.set_num_threads(1)
    began = time.perf_counter()
    table = {features: rows(root, features, draws) for features in PUBLISHED}
    document = {
        "machine": describe(CPU), "draws": draws, "seconds": round(time.perf_counter() - began, 1), "accuracy": table,
    }  # fmt: skip
    file = Path(__file__).parent / "results" / "office_caltech.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    click.echo(f"written to {file}")


def rows(root: Path, features: str, draws: int) -> dict[str, dict[str, Any]]:
    """The results of all pairs of domains that the features have, and of their mean."""
    pairs = [p for p in permutations(LETTERS, 2) if pair_name(*p) in PUBLISHED[features]]
    measured = {pair_name(*pair): accuracies(root, features, *pair, draws) for pair in pairs}
    measured["mean"] = {name: np.mean([each[name] for each in measured.values()], axis=0) for name in METHODS}
    table = {}
    for pair, found in measured.items():
        published = PUBLISHED[features].get(pair, (None, None))
        table[pair] = {
            name: {
                "mean": round(float(found[name].mean()), 2),
                "standard_error": round(float(found[name].std(ddof=1) / np.sqrt(draws)), 2),
                "published": number,
                "draws": np.round(found[name], 2).tolist(),
            }
            for name, number in zip(METHODS, published, strict=True)
        }
        shown = "   ".join(f"{name} {r['mean']:.1f} +- {r['standard_error']:.1f} ({r['published']})"
                           for name, r in table[pair].items())  # fmt: skip
        click.echo(f"{features} {pair}: {shown}")
    return table


def pair_name(source: str, target: str) -> str:
    return f"{LETTERS[source]}->{LETTERS[target]}"


def accuracies(root: Path, features: str, source: str, target: str, draws: int) -> dict[str, np.ndarray]:
    """The accuracy in per cent of each draw, for both methods."""
    found: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(draws):
        given = {"root": root, "features": features, "source": source, "target": target, "data_seed": seed}
        data = OfficeCaltech(OfficeCaltechConfig.model_validate(given))
        test = data.target_test()
        for name, alignment in METHODS.items():
            config = SubspaceAlignmentConfig(alignment=alignment, standardise="none")  # the dataset has done it
            method = build_method(SubspaceAlignment, config, data.spec(), seed=0, device=CPU).eval()
            method.finish(data.source(), data.target())
            right = method.predict(torch.from_numpy(test.samples)).numpy() == test.labels
            found[name].append(100 * float(right.mean()))
    return {name: np.array(values) for name, values in found.items()}


if __name__ == "__main__":
    main()
