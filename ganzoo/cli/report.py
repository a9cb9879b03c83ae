"""`ganzoo report DIR` and `ganzoo report A B`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from ganzoo.benchmark.differences_page import comparison_page
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.rows import ResultTable
from ganzoo.benchmark.selection import update
from ganzoo.benchmark.table import rich_table
from ganzoo.cli.paths import PATH
from ganzoo.discovery.registry import registry
from ganzoo.errors import GanzooError, UsageError
from ganzoo.runs.run_folder import RunFolder

PLAIN_EVERY = 30.0  # seconds between lines without a terminal


@click.command(
    help="Make the table and report.html of a bench again from its results.jsonl, with criteria and ensembles from its "
    "run folders. Of two benches A and B, make one page that shows them side by side, with the differences of their "
    "scores and of their settings; both folders stay as they are."
)
@click.argument("benches", metavar="DIR [DIR]", type=PATH, nargs=-1, required=True)
@click.option(
    "--turing", type=PATH, help="The json file of `ganzoo turing score`: its scores are kept and shown with the bench."
)
@click.option("--no-criteria", is_flag=True, help="Load no networks: criteria and ensembles stay as they were.")
@click.option("--out", type=PATH, help="The page of two benches.  [default: comparison.html]")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(
    benches: tuple[Path, ...], turing: Path | None, no_criteria: bool, out: Path | None, plugin: tuple[Path, ...]
) -> None:
    for file in plugin:
        registry().add_file(file)
    if len(benches) == 2:
        if turing is not None:
            raise UsageError("--turing belongs to one bench; give it with `ganzoo report DIR --turing FILE`")
        compare(BenchFolder(benches[0]), BenchFolder(benches[1]), out or Path("comparison.html"))
        return
    if len(benches) > 2:
        raise UsageError(f"give one bench, or two to compare, not {len(benches)}")
    if out is not None:
        raise UsageError("--out is the page of two benches; the files of one bench are written to its folder")
    folder = BenchFolder(benches[0])
    if turing is not None:
        folder.suite()  # that it is a bench
        if unknown := folder.add_people(turing):
            click.echo(f"{turing}: {', '.join(unknown)} are not shown: from no run of this bench", err=True)
    if not no_criteria:
        update_selection(folder)
    show(folder)


def compare(first: BenchFolder, second: BenchFolder, out: Path) -> None:
    """Write the page of two benches, and say how much of them could be compared."""
    names = (f"{first.title()}, {first.path}", f"{second.title()}, {second.path}")
    page, found = comparison_page(first.tables()[0], second.tables()[0], names)
    RunFolder(out.parent).replace(out, page)
    scores = [score for table in found for row in table.rows for score in row.scores]
    compared = sum(score.difference is not None for score in scores)
    unlike = sum(bool(score.cards) for score in scores)
    click.echo(f"{out}: {compared} scores compared" + (f"; {unlike} were measured differently" if unlike else ""))


def update_selection(folder: BenchFolder, also: Sequence[str] = ()) -> None:
    """Compute criteria and ensembles that are missing, and say what takes time; `also` names further criteria.

    What fails is told, and stays absent: the table does not depend on it.
    """
    console = Console(stderr=True)
    with console.status("criteria and ensembles") as status:
        printed = time.monotonic()

        def doing(text: str) -> None:
            nonlocal printed
            status.update(escape(text))
            due = not console.is_terminal and time.monotonic() - printed >= PLAIN_EVERY
            if due or text.startswith(("no criteria", "the ensemble")):  # what stays absent, and why
                printed = time.monotonic()
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
