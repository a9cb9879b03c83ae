"""`ganzoo predict RUN [RUN ...] --input IMAGES --output labels.csv`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganzoo.applying.inputs import Places
from ganzoo.cli.applied import common, perform
from ganzoo.cli.paths import PATH


@click.command(
    help="Predict the label of each image with a trained run, or with the average of "
    "several: of gaze as directions, of classes by votes.\n\nThe csv file has the columns that ganzoo reads: file "
    "and, for gaze, pitch and yaw in radians; for classes, class; for other numbers, label_1, label_2 and so on. "
    "Images of an npz or a store are called `row 0` and so on, in order. A manifest, labels.csv.json, lists the input "
    "of each label."
)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("--input", required=True, type=PATH, help="A folder of images, an npz or a store.")
@click.option("--output", required=True, type=PATH, help="The csv file for the labels.")
@common()
def command(runs: tuple[Path, ...], input: Path, output: Path, **given: Any) -> None:
    perform(runs, "predict", Places(input=input), output, **given)
