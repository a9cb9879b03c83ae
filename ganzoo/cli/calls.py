"""The commands `run`, `bench` and `evaluate` as Python functions: keywords are options, so nothing can differ."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import click

from ganzoo.benchmark.outcome import BenchResult, FailedCellsError
from ganzoo.errors import GanzooError, UsageError
from ganzoo.metric import Score
from ganzoo.runs.trained import Trained, load

REPEATED = ("plugin", "track")  # options that may be given several times; other sequences are joined by commas
SEVERAL = ("merge",)  # options with more than one value
FLAGS = ("cancel", "detach", "dry_run")  # options without a form that says no


def run(method: str, settings: Mapping[str, Any]) -> Trained:
    """`ganzoo run`; returns the finished run."""
    folder = _call("run", [method], settings)
    assert isinstance(folder, Path)
    return load(folder, device=str(settings.get("device") or "auto"))


def bench(suite: str | PathLike[str], settings: Mapping[str, Any]) -> BenchResult:
    """`ganzoo bench`; returns what the bench has found. Cells that failed are in the result."""
    try:
        result = _call("bench", [fspath(suite)], settings)
    except FailedCellsError as error:
        click.echo(f"{error}.", err=True)
        return error.result
    assert isinstance(result, BenchResult)
    return result


def evaluate(run: str | PathLike[str] | None, settings: Mapping[str, Any]) -> list[Score]:
    """`ganzoo evaluate`; returns the scores."""
    scores = _call("evaluate", [] if run is None else [fspath(run)], settings)
    assert isinstance(scores, list)
    return scores


def options_of(settings: Mapping[str, Any]) -> list[str]:
    """Keywords as the options of a command: lr=0.1 is --lr=0.1, augment=False is --no-augment, None is left out."""
    options = []
    for name, value in settings.items():
        flag = name.strip("_").replace("_", "-")  # from_ is --from
        if value is None:
            continue
        if isinstance(value, bool):
            if value is False and name in FLAGS:
                continue
            options.append(f"--{flag}" if value else f"--no-{flag}")
            continue
        several = [value] if isinstance(value, str | PathLike) or not isinstance(value, Sequence) else list(value)
        texts = [fspath(each) if isinstance(each, PathLike) else str(each) for each in several]
        if name in SEVERAL:
            options += [f"--{flag}", *texts]
            continue
        options += [f"--{flag}={text}" for text in (texts if name in REPEATED else [",".join(texts)])]
    return options


def _call(name: str, arguments: Sequence[str], settings: Mapping[str, Any]) -> object:
    """What the command returns. Raises a GanzooError in the words of the command."""
    command: click.Command = importlib.import_module(f"ganzoo.cli.{name}").command
    try:
        return command.main([*arguments, *options_of(settings)], prog_name=f"ganzoo.{name}", standalone_mode=False)
    except click.ClickException as error:
        raise UsageError(f"ganzoo.{name}: {error.format_message()}") from None
    except click.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as ended:
        raise GanzooError(f"ganzoo.{name} ended with exit code {ended.code}") from None
