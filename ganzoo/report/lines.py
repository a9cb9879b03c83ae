"""A score as a function of a quantity, one line per row of a table."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from ganzoo.errors import printable

Curve = Sequence[tuple[float, float]]  # place, value


def lines(panels: Mapping[str, Mapping[str, Curve]], y_label: str, aside: Sequence[str] = ()) -> bytes:
    """An SVG with a panel for each quantity: label -> row -> curve. Rows named in `aside` are grey and dashed."""
    from matplotlib import colormaps, rc_context
    from matplotlib.figure import Figure  # its import takes a second, and only this needs it

    figure = Figure(figsize=(5 * len(panels), 4.2), layout="constrained")
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    styles = {}
    for place, name in enumerate(each for each in names if each not in aside):
        styles[name] = {"color": colours[place % 10], "marker": "os^v<>PXD*"[place // 10 % 10]}
    for place, name in enumerate(each for each in names if each in aside):
        styles[name] = {"color": "gray", "linestyle": "--", "marker": "+x.|_12348"[place % 10]}
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for panel, (label, curves) in zip(axes, panels.items(), strict=True):
        for name, curve in curves.items():
            panel.plot(*zip(*curve, strict=True), markersize=4, linewidth=1.2, **styles[name])
        panel.set_xlabel(printable(label), parse_math=False)
        panel.grid(alpha=0.3)
    axes[0].set_ylabel(printable(y_label), parse_math=False)
    axes[0].set_ylim(bottom=0)
    keys = [
        axes[0].plot([], [], label=printable(name).replace("$", r"\$"), **style)[0] for name, style in styles.items()
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=4, fontsize=8)
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "ganzoo"}):  # the same lines, the same file
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
