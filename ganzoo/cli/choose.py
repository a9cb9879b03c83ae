"""`ganzoo choose BENCH | RUN RUN RUN ... --by CRITERION`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from ganzoo.benchmark.criteria import read_criteria
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.options import Options, options_of_bench, options_of_runs
from ganzoo.cli.paths import PATH
from ganzoo.cli.report import update_selection
from ganzoo.cli.table import print_table
from ganzoo.discovery.registry import registry
from ganzoo.errors import UsageError
from ganzoo.report.terminal import Heading
from ganzoo.selection.choice import Choice, choose
from ganzoo.selection.evidence import about
from ganzoo.selection.gates import aside_in_words

DEFAULT = "mean-label-distance"
SHOWN = 5  # runs in the table


@click.command(
    help="Choose one of several finished runs without target labels: the folder of a bench, or the folders of three "
    "runs and more on the same data.\n\nThe run's folder is printed on standard output, and the reasons and what is "
    "known about the criterion on standard error. `ganzoo list criteria` shows the criteria."
)
@click.argument("paths", metavar="BENCH | RUN...", nargs=-1, required=True, type=PATH)
@click.option("--by", default=DEFAULT, show_default=True, help="The criterion.")
@click.option("--dataset", help="A dataset of the bench.  [default: its only one]")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(paths: tuple[Path, ...], by: str, dataset: str | None, plugin: tuple[Path, ...]) -> None:
    for file in plugin:
        registry().add_file(file)
    registry().get("criteria", by)
    found = _options(paths, by, dataset)
    choice = choose(found.options, by, found.task)
    chosen = choice.ordered[0]
    click.echo(str(found.paths[chosen.name]))
    _explain(choice, found)


def _options(paths: Sequence[Path], by: str, dataset: str | None) -> Options:
    benches = [path for path in paths if (path / "bench.toml").is_file()]
    if benches and len(paths) > 1:
        raise UsageError(f"{benches[0]} is a bench; give one bench, or runs and no bench")
    if benches:
        folder = BenchFolder(benches[0])
        update_selection(folder, [by])
        return options_of_bench(folder.path, read_criteria(folder.path), dataset, by)
    if dataset is not None:
        raise UsageError("--dataset names a dataset of a bench, but runs are given; leave it out")
    runs = [path / "run" if (path / "cell.toml").is_file() else path for path in paths]  # also the folder of a cell
    with Console(stderr=True).status("predictions and criteria") as status:
        return options_of_runs(runs, by, lambda text: status.update(escape(text)))


def _explain(choice: Choice, found: Options) -> None:
    first = choice.ordered[0].entry
    assert first is not None
    assert first.value is not None
    unit = f" {first.unit}" if first.unit else ""
    most = "lowest" if choice.better == "lower" else "highest"
    said = [
        f"{choice.ordered[0].shown} has the {most} {choice.criterion}, {first.value:.3g}{unit}, of "
        f"{len(choice.ordered)} runs.",
        *aside_in_words(choice.aside),
        *(f"Not among them: {reason}." for reason in found.left_out),
        *_known(choice.criterion, found),
        "Averaging runs needs no choice: `ganzoo predict RUN RUN ... --input IMAGES --output labels.csv`.",
    ]
    rows = [[each.shown, _number(each.entry.value if each.entry else None)] for each in choice.ordered[:SHOWN]]
    print_table([Heading("run"), Heading(choice.criterion, number=True)], rows, error=True)
    for sentence in said:
        click.echo(sentence, err=True)


def _known(criterion: str, found: Options) -> list[str]:
    """What is known about the criterion, from the bench itself and from committed ones."""
    said = []
    if found.own_evidence is not None:
        said.append(f"On this bench, by labels that no criterion saw: {found.own_evidence.sentence()}")
    shipped = about(criterion, found.task)
    said += [f"Measured before: {each.sentence()}" for each in shipped]
    if not shipped:
        said.append(f"No committed bench says how right {criterion} is for the task {found.task}.")
    return said


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
