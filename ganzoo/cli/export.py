"""`ganzoo export RUN --format FORMAT`."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.cli.paths import PATH
from ganzoo.export.export import check_libraries, export
from ganzoo.export.formats import FORMATS
from ganzoo.runs.trained import load


@click.command(
    help="Write the method of a finished run as one file that runs without ganzoo.\n\nThe file is run with the "
    "format's own runtime and compared with the method before it is kept. Its card (method, data and its "
    "licence, scores, settings, versions, inputs and output) is inside it, and next to it as FILE.json. It takes any "
    "number of rows; a generator takes its noise, the latent vector, as an input."
)
@click.argument("run", type=PATH)
@click.option("--format", required=True, type=click.Choice([*FORMATS]), help="The file format.")
@click.option("--out", type=PATH, help="The file.  [default: RUN/export/METHOD-FUNCTION.ENDING]")
@click.option("--function", metavar="CAPABILITY", help="Which function, such as refine.  [default: its main one]")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(run: Path, format: str, out: Path | None, function: str | None, plugin: tuple[Path, ...]) -> None:
    check_libraries(format)
    made = export(load(run, device="cpu", plugins=plugin), format, out, function)
    checked = made.card["checked"]
    click.echo(
        f"{made.file} is written and checked with {checked['runtime']} (largest difference "
        f"{checked['largest_difference']:.1g}); its card is {made.card_file.name}",
        err=True,
    )
