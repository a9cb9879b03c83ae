"""`ganzoo apply RUN CAPABILITY`: any capability of a method, on files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ganzoo.applying.inputs import Places
from ganzoo.cli.applied import common, perform
from ganzoo.cli.paths import PATH
from ganzoo.errors import UsageError
from ganzoo.system.paths import typed


@click.command(
    help="Apply a capability of a trained run to files; `ganzoo list capabilities` lists them.\n\n"
    "Images become images under the same names (an npz an npz, a store a store); without images as input they are "
    "numbered PNG files. Codes and vectors become an npz and a csv file, labels a csv file. manifest.json lists the "
    "inputs of each output. Run the same command again to resume."
)
@click.argument("run", type=PATH)
@click.argument("capability")
@click.option("--input", type=PATH, help="Images (a folder, an npz or a store), or vectors (an npz or a csv file).")
@click.option(
    "--with", "others", metavar="NAME=PATH", multiple=True,
    help="A further input by its name: masks (images of the same names, or an npz), numbers (an npz or a csv file).",
)  # fmt: skip
@click.option("--labels", type=PATH, help="A csv file of labels, as ganzoo reads them.")
@click.option("--count", type=click.IntRange(1), help="How many samples, for capabilities without input.")
@click.option("--output", required=True, type=PATH, help="The folder for the output; for labels the csv file.")
@common()
def command(
    run: Path,
    capability: str,
    input: Path | None,
    others: Sequence[str],
    labels: Path | None,
    count: int | None,
    output: Path,
    **given: Any,
) -> None:
    perform(run, capability, Places(input, labels, _named(others), count), output, **given)


def _named(others: Sequence[str]) -> dict[str, Path]:
    """The paths of --with, by name."""
    named = {}
    for each in others:
        name, equals, path = each.partition("=")
        if not (name and equals and path):
            raise UsageError(f"--with {each}: give NAME=PATH, such as mask=masks/")
        if name in named:
            raise UsageError(f"--with {name} is given twice")
        named[name] = typed(path)
    return named
