"""`ganzoo refine RUN --input FOLDER_OR_NPZ --output FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganzoo.applying.inputs import Places
from ganzoo.cli.applied import common, perform
from ganzoo.cli.paths import PATH


@click.command(
    help="Refine synthetic images with a trained run.\n\nThe refined images get the names of their originals, and the "
    "labels (labels.csv, a json next to each image, or the other arrays of an npz) are carried over. "
    "manifest.json lists the input of each output. A prepared store becomes another one. Run the same command again to "
    "resume."
)
@click.argument("run", type=PATH)
@click.option("--input", required=True, type=PATH, help="A folder of images, an npz or a store.")
@click.option("--output", required=True, type=PATH, help="The folder for the refined images.")
@common(seed=False)
def command(run: Path, input: Path, output: Path, **given: Any) -> None:
    perform(run, "refine", Places(input=input), output, **given)
