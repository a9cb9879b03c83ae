"""A progress bar for long tasks, on standard error; hidden if that is not a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(title: str, total: int | None, *, quiet: bool = False) -> Progress:
    """A bar with one task, `task_ids[0]`. It is hidden if `quiet`, or if standard error is not a terminal."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn(escape(title)),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )
    progress.add_task(title, total=total)
    return progress
