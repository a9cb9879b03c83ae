"""What the commands share that apply a finished run to files: refine, predict, generate, apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import click
import torch

from ganzoo import __version__
from ganzoo.applying.apply import Applied, Job, apply_to_files
from ganzoo.applying.choice import capability_of
from ganzoo.applying.ensemble import Ensemble
from ganzoo.applying.inputs import Places
from ganzoo.applying.store import apply_to_store, makes_a_store
from ganzoo.cli.paths import PATH
from ganzoo.discovery.registry import registry
from ganzoo.errors import UsageError
from ganzoo.evaluation.evaluate import settings_hash
from ganzoo.files.fit import UNCHANGED, Channels, Resizer
from ganzoo.method import Method
from ganzoo.progress import progress_bar
from ganzoo.runs.experiment import load_trained, plan_of_run
from ganzoo.runs.run_folder import RunFolder
from ganzoo.training import checkpoint
from ganzoo.training.devices import local_device

_SEED = click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the noise.  [default: 0]")
_BATCH_SIZE = click.option("--batch-size", type=click.IntRange(1), default=256, help="Rows per batch.  [default: 256]")
_DEVICE = click.option("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps.  [default: auto]")
_PLUGIN = click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
_RESIZER = click.option(
    "--resizer",
    type=click.Choice(get_args(Resizer)),
    default="none",
    help="How images of another size are resized to the run's size.  [default: none, which refuses them]",
)
_CHANNELS = click.option(
    "--channels",
    type=click.Choice(get_args(Channels)),
    default="as-is",
    help="How grey and colour images are converted.  [default: as-is, which refuses other channels]",
)
Command = Callable[..., None]


def common(*, seed: bool = True, images: bool = True) -> Callable[[Command], Command]:
    """The options that these commands have in common."""
    shared = [_RESIZER, _CHANNELS] if images else []
    shared += [_SEED] if seed else []

    def decorated(command: Command) -> Command:
        for option in reversed([*shared, _BATCH_SIZE, _DEVICE, _PLUGIN]):
            command = option(command)
        return command

    return decorated


def perform(
    runs: Path | Sequence[Path],
    name: str,
    places: Places,
    output: Path,
    *,
    batch_size: int,
    device: str,
    plugin: tuple[Path, ...],
    resizer: Resizer = "none",
    channels: Channels = "as-is",
    seed: int = 0,
) -> None:
    """Apply the named capability of a run, or the average of several, and report the result."""
    for file in plugin:
        registry().add_file(file)
    place = local_device(device)
    loaded = [_load(run, name, place) for run in ([runs] if isinstance(runs, Path) else runs)]
    method, made_by = _together(loaded)
    capability = capability_of(method, name)
    job = Job(capability, method, place, made_by, batch_size, seed)
    places = replace(places, resizer=resizer, channels=channels)
    if makes_a_store(job, places):
        store = apply_to_store(job, places, output)
        click.echo(f"{len(store)} {capability.adjective} images are in the store {store.path}", err=True)
        return
    with progress_bar(capability.name.replace("_", " "), None) as progress:
        task = progress.task_ids[0]

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        made = apply_to_files(replace(job, progress=show), places, output)
    click.echo(_said(job, made), err=True)


@dataclass(frozen=True)
class _Loaded:
    run: Path
    method: Method
    made_by: dict[str, Any]


def _load(run: Path, name: str, place: torch.device) -> _Loaded:
    """A trained run that has the capability. Raises UsageError, before its weights are read, if it has not."""
    folder = RunFolder(run)
    plan = plan_of_run(folder)
    capability_of(plan.method, name)
    method, step = load_trained(folder, plan, place)
    made_by = {
        "run": run.name,
        "method": plan.method.name,
        "dataset": plan.dataset.name,
        "settings_hash": settings_hash(plan.tables()),
        "step": step,
        "weights_sha256": checkpoint.weights_hash(folder.path),
        "ganzoo": __version__,
    }
    return _Loaded(run, method, made_by)


def _together(loaded: Sequence[_Loaded]) -> tuple[Method, dict[str, Any]]:
    """The method of one run, or the ensemble of several in an order that does not depend on the one that was typed."""
    if len(loaded) == 1:
        return loaded[0].method, loaded[0].made_by
    paths = [each.run.resolve() for each in loaded]
    if twice := [str(each.run) for each, path in zip(loaded, paths, strict=True) if paths.count(path) > 1]:
        raise UsageError(f"{twice[0]} is named twice; name each run of an ensemble once")
    ordered = sorted(loaded, key=lambda each: (each.made_by["weights_sha256"], str(each.run)))
    ensemble = Ensemble({each.run: each.method for each in ordered})
    return ensemble.eval(), {"ensemble": [each.made_by for each in ordered], "ganzoo": __version__}


def _said(job: Job, made: Applied) -> str:
    capability = job.capability
    what: str = capability.makes
    if what == "samples" and capability.output(job.method).kind == "image":
        what = "images"
    if not made.written:
        return f"{made.output} is complete: all {made.images} {what} were {capability.adjective} before"
    fitted = f" ({made.fitted})" if made.fitted and not made.fitted.startswith(UNCHANGED) else ""
    return f"{made.images} {capability.adjective} {what} are in {made.output}{fitted}"
