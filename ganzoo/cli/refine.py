"""`ganzoo refine RUN --input FOLDER_OR_NPZ --output FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from ganzoo import __version__, checkpoint
from ganzoo.cli.paths import PATH
from ganzoo.evaluation import settings_hash
from ganzoo.experiment import load_trained, local_device, plan_of_run
from ganzoo.files.fit import Channels, Resizer
from ganzoo.files.store import is_store
from ganzoo.preparing.refined import refine_store
from ganzoo.progress import progress_bar
from ganzoo.refining import refine_to_folder
from ganzoo.registry import registry
from ganzoo.run_folder import RunFolder


@click.command(
    help="Refine synthetic images with a trained run.\n\nThe refined images get the names of their originals, and the "
    "labels (labels.csv, a json beside each image, or the other arrays of an npz) are carried over. manifest.json says "
    "what was made of what. A prepared store becomes another one. An interrupted refinement goes on where it stopped."
)
@click.argument("run", type=PATH)
@click.option("--input", required=True, type=PATH, help="A folder of images, an npz or a store.")
@click.option("--output", required=True, type=PATH, help="The folder for the refined images.")
@click.option(
    "--resizer",
    type=click.Choice(get_args(Resizer)),
    default="none",
    help="How images of another size are brought to the run's size.  [default: none, which refuses them]",
)
@click.option(
    "--channels",
    type=click.Choice(get_args(Channels)),
    default="as-is",
    help="How grey and colour are brought together.  [default: as-is, which refuses other channels]",
)
@click.option("--batch-size", type=click.IntRange(1), default=256, help="Images refined at once.  [default: 256]")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(
    run: Path,
    input: Path,
    output: Path,
    resizer: Resizer,
    channels: Channels,
    batch_size: int,
    device: str,
    plugin: tuple[Path, ...],
) -> None:
    for file in plugin:
        registry().add_file(file)
    folder = RunFolder(run)
    plan = plan_of_run(folder)
    place = local_device(device)
    method, step = load_trained(folder, plan, place)
    source_of = {
        "run": run.name,
        "method": plan.method.name,
        "dataset": plan.dataset.name,
        "settings_hash": settings_hash(plan.tables()),
        "step": step,
        "weights_sha256": checkpoint.weights_hash(folder.path),
        "ganzoo": __version__,
    }
    if is_store(input):
        store = refine_store(
            method, method.spec, input, output, batch_size=batch_size, device=place, source_of=source_of
        )
        click.echo(f"{len(store)} refined images are in the store {store.path}", err=True)
        return
    with progress_bar("refining", None) as progress:
        task = progress.task_ids[0]
        made = refine_to_folder(
            method,
            method.spec,
            input,
            output,
            batch_size=batch_size,
            device=place,
            source_of=source_of,
            resizer=resizer,
            channels=channels,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if made.written:
        click.echo(f"{made.images} refined images are in {made.output} ({made.fitted})", err=True)
    else:
        click.echo(f"{made.output} is complete: all {made.images} images were refined before", err=True)
