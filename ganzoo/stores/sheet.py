"""A contact sheet of a store, to inspect before training on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ganzoo.errors import printable
from ganzoo.files.output import writing
from ganzoo.files.store import Store
from ganzoo.system.atomic import replacing

COLUMNS, ROWS = 8, 5
ARROW = 0.45  # of the image's width, for a gaze at right angles to the camera's axis


def contact_sheet(store: Store, file: Path, *, columns: int = COLUMNS, rows: int = ROWS) -> None:
    """Write a PNG of images spread over the store, with their gaze as arrows, or their class.

    An arrow points in the direction of the gaze in the image: to the right for a gaze to the image's right.
    """
    chosen = np.unique(np.linspace(0, len(store) - 1, columns * rows).round().astype(int))
    gaze = store.gaze()
    classes = store.column("class") if "class" in store.columns else None
    people = store.column("person") if "person" in store.columns else None
    channels, height, width = store.spec.image_shape
    figure = Figure(figsize=(1.6 * columns, (1.6 * height / width + 0.3) * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, row in zip(grid, chosen, strict=False):
        image = store.images[row]
        axes.imshow(image[0] if channels == 1 else image.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255)
        words = []
        if gaze is not None and np.isfinite(gaze[row]).all():
            pitch, yaw = gaze[row]
            words.append(f"{np.rad2deg(pitch):.0f}, {np.rad2deg(yaw):.0f} deg")
            x, y = -np.cos(pitch) * np.sin(yaw), -np.sin(pitch)  # camera x right, y down
            start = (width - 1) / 2, (height - 1) / 2
            axes.annotate(
                "", (start[0] + ARROW * width * x, start[1] + ARROW * width * y), start,
                arrowprops={"arrowstyle": "->", "color": "yellow", "linewidth": 1.5},
                annotation_clip=False,  # an arrow that ends beyond its image would not be drawn at all
            )  # fmt: skip
        if classes is not None:
            words.append(str(classes[row]))
        if people is not None:
            words.append(str(people[row]))
        axes.set_title(printable(" · ".join(words)), fontsize=7, parse_math=False)
    labels = "pitch, yaw above each image; the arrow is the gaze" if gaze is not None else ""
    title = f"{store.card.get('name', store.path.name)}: {len(store):,} images. {labels}"
    figure.suptitle(printable(title), fontsize=9, parse_math=False)
    with writing(file), replacing(file) as aside:
        figure.savefig(aside, dpi=110, format="png")
