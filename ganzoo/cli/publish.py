"""`ganzoo publish BENCH --to FOLDER`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.publish import publish
from ganzoo.cli.paths import PATH


@click.command(
    help="Write a bench for others: table, report, settings, score cards, data fingerprints and a README, without "
    "weights. `ganzoo reproduce` runs a row of it again."
)
@click.argument("bench", metavar="BENCH", type=PATH)
@click.option("--to", type=PATH, required=True, metavar="FOLDER", help="A new folder.")
def command(bench: Path, to: Path) -> None:
    out = publish(BenchFolder(bench), to)
    if progress := out.progress():
        click.echo(f"Unfinished: {progress} have a result.", err=True)
    click.echo(f"{to / 'README.md'} describes the published bench.", err=True)
