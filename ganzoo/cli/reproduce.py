"""`ganzoo reproduce PUBLISHED --row METHOD`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ganzoo.benchmark.engines import DEFAULT, load_engine
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.reproduce import (
    Comparison,
    cell_of_record,
    compare,
    default_folder,
    differences,
    overall,
    published_record,
    threads_of,
)
from ganzoo.benchmark.results import result_of
from ganzoo.benchmark.schedule import Schedule
from ganzoo.cli.bench_display import BenchDisplay
from ganzoo.cli.paths import PATH
from ganzoo.cli.table import print_table
from ganzoo.discovery.registry import registry
from ganzoo.errors import GanzooError
from ganzoo.report.terminal import Heading
from ganzoo.system.lock import locked


@click.command(
    help="Run a row of a published bench again from its settings, and compare: same bits, within the published "
    "interval, or not reproduced (exit code 1). Run the same command again to resume."
)
@click.argument("bench", metavar="PUBLISHED", type=PATH)
@click.option("--row", required=True, help="The row's name in the table.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which of its seeds.")
@click.option("--dataset", help="The table, if the bench has several.")
@click.option("--out", type=PATH, help="Where it is run.  [default: reproduced/CELL]")
@click.option("--plugin", multiple=True, type=PATH, metavar="FILE", help="Load a plugin from a .py file.")
def command(bench: Path, row: str, seed: int, dataset: str | None, out: Path | None, plugin: tuple[Path, ...]) -> None:
    for file in plugin:
        registry().add_file(file)
    published = BenchFolder(bench)
    record = published_record(published, row, seed, dataset)
    cell = cell_of_record(record, published)
    folder = BenchFolder(out or default_folder(record))
    folder.open(published.suite(), threads_of(record))
    launcher = Launcher(folder.path, [file.resolve() for file in plugin], [], threads_of(record))
    engine = load_engine(DEFAULT, None, folder)
    with locked(folder.path), BenchDisplay([cell], folder, 1) as display:
        Schedule(folder.path, launcher, engine, jobs=1, watch=display).run([cell], {})
    again = result_of(launcher.place(cell))
    if again is None:
        raise GanzooError(f"{cell.id} did not finish; {launcher.place(cell) / 'output.log'} says why")
    compared = compare(record, again[0])
    numbers = [Heading(name, number=True) for name in ("published", "again")]
    print_table([Heading("score"), *numbers, Heading("verdict")], [_row(each) for each in compared])
    for said in differences(record, again[0]):
        click.echo(said)
    verdict = overall(compared)
    click.echo(f"{row}, seed {seed}: {verdict}")
    sys.exit(verdict == "not reproduced")


def _row(each: Comparison) -> list[str]:
    name = each.name if each.subject == "method" else f"{each.name} ({each.subject})"
    between = "" if each.low is None or each.high is None else f" [{each.low:.6g}, {each.high:.6g}]"
    return [name, f"{each.published:.6g}{between}", "" if each.again is None else f"{each.again:.6g}", each.verdict]
