"""Draws docs/images/demo-eyes.png: held-out synthetic eyes, what trained refiners make of them, and eyes of the target.

    ganzoo demo
    python benchmarks/strip.py ganzoo-demo/simgan
    python benchmarks/strip.py --out docs/images/refiners.png RUN RUN ...    # such as those of `ganzoo bench twins`

Columns are the same eyes in each row, except for the last row, which holds eyes of other people. Nothing is selected:
the columns are spread evenly over the held-out images. Several runs make several rows; they must be on the same data.
Data with twins have a row of them: the same eyes in the style of the target.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import ganzoo
from ganzoo.dataset import Domain
from ganzoo.errors import UsageError
from ganzoo.runs.trained import Trained

FILE = Path(__file__).parents[1] / "docs" / "images" / "demo-eyes.png"
COLUMNS = 6
ENLARGED = 4
GAP = 6  # pixels between images
TEXT = 28  # height of a row's words
TWINS = "twins: the same eyes in the style of the target, in another light"


def rows_of(runs: Sequence[Trained], columns: int) -> dict[str, np.ndarray]:
    """Words and uint8 images [N, C, H, W] of each row."""
    data = [run.plan.dataset(run.plan.dataset_config) for run in runs]
    before: list[Domain] = [each.source_test() or each.source() for each in data]
    if len({each.fingerprint() for each in before}) > 1:
        raise UsageError("the runs are on different data; give runs with the same dataset and the same settings of it")
    shown, target = before[0].spread(columns), data[0].target_test().spread(columns).samples
    made = {_words(run): _refined(run, shown.samples) for run in runs}
    twins = {TWINS: np.asarray(shown.extra["twin"])} if "twin" in shown.extra and len(runs) > 1 else {}
    return {"synthetic": np.asarray(shown.samples), **made, **twins, "target (other people)": np.asarray(target)}


def _words(run: Trained) -> str:
    preset = run.folder.settings()["run"].get("preset", "default")
    name = run.plan.method.name if preset == "default" else f"{run.plan.method.name} ({preset})"
    return f"{name}, {run.step:,} steps" if run.step else name


def _refined(run: Trained, source: np.ndarray) -> np.ndarray:
    images = np.moveaxis(np.asarray(source), 1, -1)  # [N, H, W, C], the form of numpy images
    refined: np.ndarray = run.refine(images)
    return np.moveaxis(refined.reshape(images.shape), -1, 1)


def strip(rows: dict[str, np.ndarray], enlarged: int = ENLARGED) -> Image.Image:
    """The picture: words above each row of enlarged images."""
    count, _, height, width = next(iter(rows.values())).shape
    cell = height * enlarged, width * enlarged
    whole = Image.new("RGB", (count * (cell[1] + GAP) + GAP, len(rows) * (cell[0] + GAP + TEXT)), "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(TEXT * 0.6)
    for place, (words, images) in enumerate(rows.items()):
        top = place * (cell[0] + GAP + TEXT)
        draw.text((GAP, top + TEXT * 0.15), words, fill="black", font=font)
        for column, image in enumerate(images):
            pixels = np.moveaxis(image, 0, -1).squeeze(-1) if len(image) == 1 else np.moveaxis(image, 0, -1)
            large = Image.fromarray(pixels).resize((cell[1], cell[0]), Image.Resampling.NEAREST)
            whole.paste(large, (GAP + column * (cell[1] + GAP), top + TEXT))
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--enlarged", type=int, default=ENLARGED)
    given = parser.parse_args()
    rows = rows_of([ganzoo.load(run) for run in given.runs], given.columns)
    strip(rows, given.enlarged).save(given.out, optimize=True)
    print(given.out)


if __name__ == "__main__":
    main()
