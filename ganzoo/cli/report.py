"""`ganzoo report DIR`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.rows import ResultTable
from ganzoo.benchmark.selection import update
from ganzoo.benchmark.table import rich_table
from ganzoo.cli.paths import PATH
from ganzoo.discovery.registry import registry
from ganzoo.errors import GanzooError


@click.command(
    help="Make the table and report.html of a bench again from its results.jsonl, with criteria and ensembles from its "
    "run folders."
)
@click.argument("bench", metavar="DIR", type=PATH)
@click.option(
    "--turing", type=PATH, help="The json file of `ganzoo turing score`: its scores are kept and shown with the bench."
)
@click.option("--no-criteria", is_flag=True, help="Load no networks: criteria and ensembles stay as they were.")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(bench: Path, turing: Path | None, no_criteria: bool, plugin: tuple[Path, ...]) -> None:
    for file in plugin:
        registry().add_file(file)
    folder = BenchFolder(bench)
    if turing is not None:
        folder.suite()  # that it is a bench
        if unknown := folder.add_people(turing):
            click.echo(f"{turing}: {', '.join(unknown)} are not shown: from no run of this bench", err=True)
    if not no_criteria:
        update_selection(folder)
    show(folder)


def update_selection(folder: BenchFolder, also: Sequence[str] = ()) -> None:
    """Compute criteria and ensembles that are missing, and say what takes time; `also` names further criteria.

    What fails is told, and stays absent: the table does not depend on it.
    """
    console = Console(stderr=True)
    with console.status("criteria and ensembles") as status:

        def doing(text: str) -> None:
            status.update(escape(text))
            if text.startswith(("no criteria", "the ensemble")):  # what stays absent, and why
                click.echo(text, err=True)

        try:
            update(folder, doing, also)
        except GanzooError as error:
            click.echo(f"no criteria: {error}", err=True)


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
