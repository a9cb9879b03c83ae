"""`ganzoo generate RUN --count N --output FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganzoo.applying.inputs import Places
from ganzoo.cli.applied import common, perform
from ganzoo.cli.paths import PATH
from ganzoo.errors import UsageError


@click.command(
    help="Generate samples with a trained run: images as PNG files, vectors as samples.npz and samples.csv.\n\n"
    "With --labels a sample is generated for each label, and the labels are saved with the images, so that the folder "
    "is a labelled set of images. manifest.json lists the input of each output. Run the same command again to resume."
)
@click.argument("run", type=PATH)
@click.option("--count", type=click.IntRange(1), help="How many samples; not with --labels.")
@click.option("--output", required=True, type=PATH, help="The folder for the samples.")
@click.option(
    "--labels", type=PATH, help="A csv file of labels: pitch,yaw or class or label_1,label_2,... as ganzoo reads them."
)
@common(images=False)
def command(run: Path, count: int | None, output: Path, labels: Path | None, **given: Any) -> None:
    if (count is None) == (labels is None):
        raise UsageError("give either --count, how many samples to generate, or --labels, the labels to generate for")
    name = "generate" if labels is None else "generate_labelled"
    perform(run, name, Places(labels=labels, count=count), output, **given)
