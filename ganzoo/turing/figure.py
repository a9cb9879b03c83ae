"""Shares of right answers with their intervals: people and classifiers side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ganzoo.errors import printable
from ganzoo.turing.results import PEOPLE, Verdict


def shares_figure(verdicts: Sequence[Verdict], people: str) -> bytes:
    """An SVG with one line for each judge of each source."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # its import takes a second, and only this needs it

    figure = Figure(figsize=(7, 0.8 + 0.34 * len(verdicts)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(50, color="black", linewidth=0.8)
    names = []
    for place, verdict in enumerate(verdicts):
        value, (low, high) = 100 * verdict.share.value, verdict.share.interval
        of_people = verdict.judge == PEOPLE
        axes.errorbar(
            value, place, xerr=[[max(value - 100 * low, 0)], [max(100 * high - value, 0)]], elinewidth=1,
            fmt="o" if of_people else "s", color="tab:blue" if of_people else "tab:gray",
        )  # fmt: skip
        names.append(printable(f"{verdict.source}: {people if of_people else verdict.judge}"))
    axes.set_yticks(range(len(verdicts)), names, parse_math=False)
    axes.set_ylim(len(verdicts) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("right answers, %")
    axes.grid(alpha=0.3)
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "ganzoo"}):  # the same numbers, the same file
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
