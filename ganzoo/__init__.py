"""Methods that close the gap between synthetic and real images, behind one training loop.

Importing this module is instant: it does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from ganzoo.benchmark.outcome import BenchResult
    from ganzoo.metric import Score
    from ganzoo.runs.trained import Trained

__version__ = "0.2.0"
CONTRACT = 2
"""Version of the hooks and base classes. A plugin states the one that it was written for: `ganzoo_contract = 2` in its
module. It increases when plugins for the old contract no longer work."""

PUBLIC_PACKAGES = ("capabilities", "files", "nn")
"""A plugin may import these packages and the modules at the top of ganzoo. All other packages are private."""

hookimpl = pluggy.HookimplMarker("ganzoo")
hookspec = pluggy.HookspecMarker("ganzoo")


def load(run: str | PathLike[str], *, device: str = "auto", plugins: Iterable[str | PathLike[str]] = ()) -> Trained:
    """A finished run. Each capability of its method is a call, such as `refine(images)` or `generate(count)`.

    `run` is a run folder, `device` auto (the first CUDA GPU, else the CPU), cpu, cuda, cuda:N or mps. Files that
    the run was given with `--plugin` are loaded from their original paths; `plugins` names those that have moved.
    Raises a `ganzoo.errors.GanzooError` with a one-sentence message if the folder holds no run, if the run is
    unfinished or damaged, or if a plugin that it needs is missing.
    """
    from ganzoo.runs.trained import load as load_run  # here, because it imports torch

    return load_run(run, device=device, plugins=plugins)


def run(method: str, *, dataset: str = "eyes", **settings: Any) -> Trained:
    """Train a method on a dataset and measure it, as `ganzoo run` does. Returns the finished run.

    Keywords are the options of the command, with `_` for `-`: `ganzoo.run("simgan", dataset="pair", source="eyes.npz",
    self_regularization=10.0, steps=5_000, out="my-run")`. `augment=False` is `--no-augment`, `from_` is `--from`, and
    several values are a list. Call it again with the same keywords to resume. Raises a `ganzoo.errors.GanzooError`
    with the message of the command.
    """
    from ganzoo.cli import calls

    return calls.run(method, {"dataset": dataset, **settings})


def bench(suite: str | PathLike[str] = "quick", **settings: Any) -> BenchResult:
    """Compare methods on the same data and budget over several seeds, as `ganzoo bench` does. Returns the tables.

    Keywords as in `ganzoo.run`: `ganzoo.bench("suite.toml", methods=["dann", "ddc"], seeds=5, out="my-bench")`. Call it
    again with the same keywords to resume. The result prints as a table and is rendered in a notebook; `result.rows`
    has a record for each score, with its interval, `result.failed` the reasons of cells that failed. Raises a
    `ganzoo.errors.GanzooError` with the message of the command.
    """
    from ganzoo.cli import calls

    return calls.bench(suite, settings)


def evaluate(run: str | PathLike[str] | None = None, **settings: Any) -> list[Score]:
    """Measure a run again, or two collections of images (`real`, `fake`), as `ganzoo evaluate` does; keywords as in
    `ganzoo.run`. Returns the scores."""
    from ganzoo.cli import calls

    return calls.evaluate(run, settings)
