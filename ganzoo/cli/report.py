"""`ganzoo report DIR`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from ganzoo.bench.folder import BenchFolder
from ganzoo.bench.rows import ResultTable
from ganzoo.bench.table import rich_table
from ganzoo.cli.paths import PATH


@click.command(help="Make the table and report.html of a bench again from its results.jsonl.")
@click.argument("bench", metavar="DIR", type=PATH)
def command(bench: Path) -> None:
    show(BenchFolder(bench))


def show(folder: BenchFolder) -> Sequence[ResultTable]:
    """Write the table and the report, print the table, and return its data."""
    found, results = folder.write()
    console = Console()
    for comparison in found:
        title = f"{folder.suite().name} on {comparison.dataset}"
        console.print(rich_table(comparison, title, results.damaged, console.width))
    if progress := folder.progress():
        click.echo(f"Unfinished: {progress} have a result.", err=True)
    if not found:
        click.echo("No cell has a result yet.", err=True)
    click.echo(f"The table (md, csv, json, tex) and report.html are in {folder.path}", err=True)
    return found
