"""Loss curves of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.files.output import writing


def loss_curves(records: Sequence[Mapping[str, Any]], file: Path, title: str) -> None:
    """Write a PNG with one small plot per loss term, from the lines of log.jsonl.

    Raises GanzooError where the file cannot be written.
    """
    from matplotlib.figure import Figure  # a second of import that only this needs

    terms = sorted({key for record in records for key in record if "/" in key})
    if not terms:
        return
    columns = min(3, len(terms))
    rows = -(-len(terms) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.4 * rows + 0.4), layout="constrained")
    for index, term in enumerate(terms):
        axes = figure.add_subplot(rows, columns, index + 1)
        points = [(record["step"], record[term]) for record in records if term in record]
        axes.plot(*zip(*points, strict=True), linewidth=1.2)
        axes.set_title(term, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    aside = file.with_suffix(".partial.png")
    with writing(file):
        figure.savefig(aside, dpi=120)
        aside.replace(file)
