"""Loss curves of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.errors import printable
from ganzoo.files.output import writing
from ganzoo.system.atomic import replacing

LARGEST = 1e30


def loss_curves(records: Sequence[Mapping[str, Any]], file: Path, title: str) -> None:
    """Write a PNG with one small plot per loss term, from the lines of log.jsonl.

    Raises GanzooError if the file cannot be written.
    """
    from matplotlib.figure import Figure  # its import takes a second, and only this needs it

    terms = sorted({key for record in records for key in record if "/" in key and _is_drawable(record[key])})
    if not terms:
        return
    columns = min(3, len(terms))
    rows = -(-len(terms) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.4 * rows + 0.4), layout="constrained")
    for index, term in enumerate(terms):
        axes = figure.add_subplot(rows, columns, index + 1)
        points = [(each["step"], each[term]) for each in records if _is_drawable(each.get(term), each["step"])]
        axes.plot(*zip(*points, strict=True), linewidth=1.2)
        axes.set_title(printable(term), fontsize=9, parse_math=False)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    figure.suptitle(printable(title), fontsize=10, parse_math=False)
    with writing(file), replacing(file) as aside:
        figure.savefig(aside, dpi=120, format="png")


def _is_drawable(*values: Any) -> bool:
    """Whether a plot can show the numbers; a damaged log may hold anything, a diverged one infinity."""
    return all(type(value) in (int, float) and abs(value) < LARGEST for value in values)
