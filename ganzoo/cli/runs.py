"""`ganzoo runs`: lists run folders with their states."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ganzoo.cli.paths import PATH as FOLDER
from ganzoo.cli.table import print_scores, print_table
from ganzoo.configuration.toml import write_toml
from ganzoo.errors import ConfigError, GanzooError, UsageError, printable
from ganzoo.report.terminal import Heading
from ganzoo.runs.run_folder import RunFolder, planned_steps
from ganzoo.system.lock import is_locked, locked
from ganzoo.training.checkpoint import folder as checkpoints

DEPTH = 4  # depth of the search for runs below the given folder: those of benches are three deep


@click.group(help="List, show and delete run folders.")
def command() -> None: ...


@command.command("list", help="List the runs in folders and below them, with their state and size.  [default: runs]")
@click.argument("folders", nargs=-1, type=FOLDER)
def list_command(folders: Sequence[Path]) -> None:
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder")
    names = ("run", "method", "dataset", "step", "state", "size")
    rows = []
    found = [run for folder in folders or [Path("runs")] for run in _runs(folder, DEPTH)]
    for run in found:
        tables = _settings(run)
        step, steps = f"{_step(run):,}", f"{planned_steps(tables):,}"
        row = [str(run.path), _asked(tables, "method"), _asked(tables, "dataset"), f"{step} of {steps}", state(run)]
        rows.append([*row, _size(run.path)])
    if found:
        print_table([Heading(name, number=name in ("step", "size")) for name in names], rows)
    else:
        click.echo("There are no runs here.", err=True)


@command.command("show", help="Show the settings, the state and the scores of a run.")
@click.argument("run", type=FOLDER)
def show_command(run: Path) -> None:
    folder = RunFolder(run)
    tables = folder.settings()
    click.echo(write_toml(tables))
    click.echo(f"state: {state(folder)}, step {_step(folder):,}, {_size(run)}")
    for file in folder.ending_files.values():
        if file.exists():
            click.echo(printable(file.read_text(encoding="utf-8", errors="replace").strip()))
    scores = folder.scores()
    if scores:
        method = _asked(tables, "method")
        print_scores(scores, method, f"{method} on {_asked(tables, 'dataset')}")


@command.command("rm", help="Delete run folders, after asking.")
@click.argument("runs", nargs=-1, required=True, type=FOLDER)
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm_command(runs: Sequence[Path], yes: bool) -> None:
    for run in runs:
        RunFolder(run).settings()  # raises if it holds no run: nothing else is ever deleted
        if run.is_symlink():
            raise UsageError(f"{run} is a link; name the folder itself")
        if is_locked(run):
            raise GanzooError(f"{run} is in use by another process; stop it first")
    for run in runs:
        if not yes and not click.confirm(f"Delete {run} ({_size(run)})?"):
            continue
        with locked(run):
            try:
                shutil.rmtree(run)
            except OSError as error:
                raise GanzooError(f"{run} cannot be deleted: {error.strerror}") from error
        click.echo(f"{run} is deleted")


def state(run: RunFolder) -> str:
    """running, complete, trained (but not measured), diverged, collapsed, or interrupted."""
    if is_locked(run.path):
        return "running"
    for ending, file in run.ending_files.items():
        if file.exists():
            return ending
    step, steps = _step(run), planned_steps(_settings(run))
    if step < steps or not step:
        return "interrupted"
    return "complete" if run.scores_file.exists() else "trained"


def _runs(folder: Path, depth: int) -> Iterator[RunFolder]:
    """The runs in a folder and below it. Links are not followed."""
    if (folder / "run.toml").is_file():
        yield RunFolder(folder)
        return
    if depth and folder.is_dir():
        for below in sorted(folder.iterdir()):
            if below.is_dir() and not below.is_symlink():
                yield from _runs(below, depth - 1)


def _settings(run: RunFolder) -> dict[str, Any]:
    """The run's tables; empty if run.toml is damaged, which must not hide the others."""
    try:
        return run.settings()
    except ConfigError:
        return {}


def _asked(tables: Mapping[str, Any], key: str) -> str:
    """The method or dataset that a run.toml names; ? if it is damaged."""
    asked = tables.get("run")
    return str(asked.get(key, "?")) if isinstance(asked, dict) else "?"


def _step(run: RunFolder) -> int:
    """The step of the newest checkpoint."""
    names = [path.name[-8:] for path in checkpoints(run.path).glob("step-????????")]
    return max((int(name) for name in names if name.isdigit()), default=0)


def _size(folder: Path) -> str:
    total = sum(
        os.lstat(Path(place) / file).st_size for place, _, files in os.walk(folder) for file in files
    )  # fmt: skip
    return f"{total / 2**20:,.1f} MiB"
