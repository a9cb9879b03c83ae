"""Sample sheets of points of the plane: a method's output over the real points, one panel per capability."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganzoo.files.output import writing
from ganzoo.system.atomic import replacing

POINTS = 2_000  # of each set
PANEL = 4.5  # inches
MARGIN = 0.25  # around the real points, as a share of their extent
REAL, MADE = "#b7b7b7", "#0b5394"


def scatter_plots(made: Sequence[tuple[str, np.ndarray]], real: np.ndarray, file: Path) -> None:
    """Write a PNG with one panel for each (adjective, points [N, 2]), such as ("generated", points).

    All panels show the same part of the plane: the real points with a margin. A title counts the points beyond it.
    Raises GanzooError if the file cannot be written.
    """
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(PANEL * len(made), PANEL), layout="constrained")
        panels = figure.subplots(1, len(made), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (adjective, points) in zip(panels, made, strict=True):
            _panel(axes, adjective, points, real)
        with writing(file), replacing(file) as aside:
            figure.savefig(aside, dpi=120, format="png")


def _panel(axes: Axes, adjective: str, points: np.ndarray, real: np.ndarray) -> None:
    axes.scatter(real[:, 0], real[:, 1], s=14, color=REAL, label="real", linewidths=0)
    axes.scatter(points[:, 0], points[:, 1], s=5, color=MADE, label=adjective, linewidths=0, alpha=0.6)
    low, high = real.min(0), real.max(0)
    room = MARGIN * max(float((high - low).max()), 1e-6)
    axes.set_xlim(low[0] - room, high[0] + room)
    axes.set_ylim(low[1] - room, high[1] + room)
    axes.set_aspect("equal")
    axes.legend(loc="upper right", markerscale=2)
    outside = int(((points < low - room) | (points > high + room)).any(1).sum())
    axes.set_title(f"{adjective} points" + (f"; {outside:,} of {len(points):,} lie outside" if outside else ""))
