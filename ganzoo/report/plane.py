"""Two scores against each other, with the Pareto front."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from ganzoo.errors import printable


@dataclass(frozen=True)
class Point:
    """A row in the plane, with half the widths of its intervals (0: none)."""

    name: str
    x: float
    y: float
    x_half: float = 0.0
    y_half: float = 0.0
    aside: bool = False  # a floor, an oracle: drawn hollow, not part of the front


def plane(points: Sequence[Point], front: Sequence[int], x_label: str, y_label: str) -> bytes:
    """An SVG of the points, and of a line through those of the front (by index)."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # its import takes a second, and only this needs it

    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    line = sorted((points[index].x, points[index].y) for index in front)
    if len(line) > 1:
        axes.plot(*zip(*line, strict=True), color="tab:green", linewidth=1.2, linestyle="--", label="Pareto front")
        axes.legend(fontsize=8)
    for index, point in enumerate(points):
        color = "tab:green" if index in front else "tab:gray" if point.aside else "tab:blue"
        axes.errorbar(
            point.x, point.y, xerr=point.x_half or None, yerr=point.y_half or None, fmt="o", color=color,
            markerfacecolor="none" if point.aside else color, elinewidth=0.7,
        )  # fmt: skip
        name, place = printable(point.name), (point.x, point.y)
        axes.annotate(name, place, xytext=(5, 4), textcoords="offset points", fontsize=8, parse_math=False)
    axes.set_xlabel(printable(x_label), parse_math=False)
    axes.set_ylabel(printable(y_label), parse_math=False)
    axes.grid(alpha=0.3)
    axes.margins(0.12)
    axes.locator_params(axis="x", nbins=6)
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "ganzoo"}):  # the same points, the same file
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
