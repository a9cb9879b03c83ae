"""`ganzoo bench [SUITE]`: methods x datasets x seeds, each cell in its own process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from ganzoo.benchmark.budget import Budget
from ganzoo.benchmark.cell import Cell, cells_of
from ganzoo.benchmark.declined import declined_cells
from ganzoo.benchmark.engines import DEFAULT, cancel, check_engine, jobs_of, load_engine
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.launch import Launcher
from ganzoo.benchmark.merge import merge as merge_benches
from ganzoo.benchmark.outcome import BenchResult, FailedCellsError, outcome_of
from ganzoo.benchmark.results import seconds_of
from ganzoo.benchmark.schedule import Schedule
from ganzoo.benchmark.suite import (
    MOST_IMAGES,
    MOST_SECONDS,
    MOST_SEEDS,
    MOST_STEPS,
    Suite,
    load_suite,
    narrowed,
    shipped,
)
from ganzoo.benchmark.table import COSTS, body, heading
from ganzoo.cli.bench_display import BenchDisplay
from ganzoo.cli.display import duration
from ganzoo.cli.paths import PATH
from ganzoo.cli.report import show, update_selection
from ganzoo.cli.run import TRACK_HELP, typed_values
from ganzoo.cli.setting_options import SettingOption, setting_options
from ganzoo.cli.table import print_table
from ganzoo.configuration.toml import read_toml
from ganzoo.discovery.registry import registry
from ganzoo.engine import Engine
from ganzoo.errors import UsageError
from ganzoo.report.terminal import Heading
from ganzoo.runs.tracking import Tracking
from ganzoo.system.lock import locked

DEFAULT_SUITE = "quick"
ENGINE_HELP = "Where the cells run; `ganzoo list engines` shows all."


class _Bench(click.Command):
    """The options depend on the suite's datasets, so the command is built when it is requested."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        for file in typed_values(args, "--plugin"):
            registry().add_file(file)
        valued = {name for param in _own_params() if not getattr(param, "is_flag", True) for name in param.opts}
        free = [arg for before, arg in pairwise(["", *args]) if before not in valued and not arg.startswith("-")]
        names = [arg for arg in free if arg in shipped() or arg.endswith(".toml")]
        suite = load_suite(names[0] if names else DEFAULT_SUITE)
        datasets = typed_values(args, "--dataset")
        shown = narrowed(suite, dataset=datasets[-1] if datasets else None)
        return _command(shown).make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return ctx.command.invoke(ctx)  # the command that was built, also when it is called from Python


command = _Bench("bench")


def _command(shown: Suite) -> click.Command:
    """The command with the settings of the suite's datasets as options."""
    datasets = {entry.dataset or label for label, entry in shown.datasets.items()}
    own = _own_params()
    taken = {name for param in own for name in param.opts} | {"--help"}
    settings: dict[str, click.Parameter] = {}  # a setting that several datasets have is one option, for all of them
    for name in sorted(datasets):
        config = registry().get("datasets", name).Config
        for option in setting_options(config, "dataset", config(), taken):
            settings.setdefault(option.field, option)
    made = list(settings.values())

    def callback(
        suite: str, methods: str | None, dataset: str | None, seeds: int | None, images: int | None, steps: int | None,
        seconds: int | None, metrics: str | None, jobs: int | None, out: Path | None, device: str | None,
        plugin: tuple[Path, ...], track: tuple[str, ...], engine: str, engine_config: Path | None, detach: bool,
        stop: bool, merge: tuple[Path, Path] | None, dry_run: bool, **given: Any,
    ) -> BenchResult:  # fmt: skip
        if merge:
            return _merge(merge, out)
        budget = _budget(images=images, steps=steps, seconds=seconds)
        picked = narrowed(load_suite(suite), _names(methods), dataset, seeds, budget=budget, metrics=_names(metrics))
        typed = {p.field: given[str(p.name)] for p in made if isinstance(p, SettingOption)}
        tables = {"dataset": {key: value for key, value in typed.items() if value is not None}}
        cells = cells_of(picked, {**tables, "train": {"device": device}})
        folder = BenchFolder(out or Path("bench-runs") / picked.name)
        folder.check(picked)
        name = folder.path.resolve().name
        tracking = Tracking(track, lambda text: click.echo(text, err=True), name=name, group=name)
        if dry_run:
            _list(cells, folder)
            return outcome_of(folder, picked.name)
        check_engine(folder, engine)
        runs = load_engine(engine, engine_config, folder)
        try:
            if stop:
                click.echo(f"{_count(cancel(folder, runs))} of {folder.path} stopped on the engine {engine}.", err=True)
                return outcome_of(folder, picked.name)
            if detach and not runs.outlives:
                raise UsageError(f"--detach: the engine {engine} ends with this command; leave it out, or give another "
                                 "--engine, or the address of a cluster in --engine-config")  # fmt: skip
            return _bench(picked, cells, folder, runs, jobs, [file.resolve() for file in plugin], tracking, detach)
        finally:
            runs.close()

    listed = "\n".join(f"  {name}: {load_suite(name).summary}" for name in shipped())
    text = (
        "Compare methods on the same data, loop and budget: each method with each seed is a cell, run in its own "
        "process. Run the same command again to resume; finished cells are never run again.\n\n"
        f"SUITE is a TOML file, or one of\n\n\b\n{listed}\n\nOptions at the end set the datasets of the suite."
    )
    return click.Command("bench", params=[*own, *made], callback=callback, help=text)


def _own_params() -> list[click.Parameter]:
    path, count = PATH, click.IntRange(1)
    most = (MOST_SEEDS, MOST_IMAGES, MOST_STEPS, MOST_SECONDS)
    seeds, images, steps, seconds = (click.IntRange(1, each) for each in most)
    return [
        click.Argument(["suite"], default=DEFAULT_SUITE, required=False),
        click.Option(["--methods"], metavar="A,B,...", help="Rows of the suite, or any other methods.  [default: all]"),
        click.Option(["--dataset"], help="A dataset of the suite, or any other.  [default: all of the suite]"),
        click.Option(["--seeds"], type=seeds, help="How many seeds.  [default: the suite's]"),
        click.Option(["--images"], type=images, help="Budget: images that each method draws.  [default: the suite's]"),
        click.Option(["--steps"], type=steps, help="Budget instead: steps that each method trains for."),
        click.Option(["--seconds"], type=seconds, help="Budget instead: seconds of training, measured once and kept."),
        click.Option(["--metrics"], metavar="A,B,...", help="Metrics to measure, or none.  [default: the suite's]"),
        click.Option(
            ["--jobs"],
            type=count,
            help="Cells at once.  [default: as many as the engine takes; local: one per GPU, else per core, at most 4]",
        ),
        click.Option(["--out"], type=path, help="The bench folder.  [default: bench-runs/SUITE]"),
        click.Option(["--device"], help="auto, cpu, cuda, cuda:N or mps.  [default: the suite's, else auto]"),
        click.Option(["--plugin"], type=path, multiple=True, metavar="FILE", help="Load a plugin from a .py file."),
        click.Option(["--track"], metavar="NAME", multiple=True, help=TRACK_HELP),
        click.Option(["--engine"], default=DEFAULT, show_default=True, metavar="NAME", help=ENGINE_HELP),
        click.Option(["--engine-config"], type=path, metavar="FILE", help="Settings of the engine, in TOML."),
        click.Option(["--detach"], is_flag=True, help="Start the cells, print the engine's ids and end."),
        click.Option(["--cancel", "stop"], is_flag=True, help="Stop the cells that the engine has of this bench."),
        click.Option(["--merge"], type=path, nargs=2, metavar="A B", help="Join two benches in the new folder --out."),
        click.Option(["--dry-run"], is_flag=True, help="List the cells and estimates of their time, and run none."),
    ]


def _names(text: str | None) -> list[str] | None:
    """The names in an option such as `--methods A,B`; None if it is not given."""
    return None if text is None else [name.strip() for name in text.split(",")]


def _budget(**given: int | None) -> Budget | None:
    """The budget that was typed. Raises UsageError for two."""
    typed = [unit for unit, amount in given.items() if amount is not None]
    if len(typed) > 1:
        raise UsageError(f"{' and '.join(f'--{unit}' for unit in typed)}: a bench has one budget; give one of them")
    return Budget.of(given)


def _bench(
    suite: Suite,
    cells: Sequence[Cell],
    folder: BenchFolder,
    engine: Engine,
    jobs: int | None,
    plugins: Sequence[Path],
    tracking: Tracking,
    detach: bool,
) -> BenchResult:
    jobs = jobs or engine.usual_jobs()
    threads = folder.open(suite, _threads(engine, jobs))
    declined = declined_cells(cells)
    for reason in dict.fromkeys(declined.values()):
        click.echo(f"not run: {reason}", err=True)
    with locked(folder.path), tracking.closing():
        tracking.started(folder.path, read_toml(folder.suite_file))  # before the cells, which share its store
        stage = getattr(engine.config, "stage", "")
        launcher = Launcher(folder.path, plugins, tracking.names, threads, stage)
        with BenchDisplay([cell for cell in cells if cell.id not in declined], folder, jobs) as display:
            schedule = Schedule(folder.path, launcher, engine, jobs=jobs, watch=display)
            try:
                schedule.run(cells, declined, detach=detach)
            except KeyboardInterrupt:
                _say_what_runs_on(folder, engine)
                raise
        if detach:
            _say_detached(folder, engine, len(schedule.waiting))
            return outcome_of(folder, suite.name)
        update_selection(folder)
        for comparison in show(folder):
            head = ["method", *map(heading, comparison.columns), *COSTS]
            tracking.table(f"results/{comparison.dataset}", head, body(comparison))
    result = outcome_of(folder, suite.name)
    finished = folder.results().finished
    failed = [cell for cell in cells if cell.id not in finished and cell.id not in declined]
    if failed:
        said = f"{len(failed)} of {len(cells)} cells failed; run the same command again to retry them"
        raise FailedCellsError(said, result)
    return result


def _merge(places: Sequence[Path], out: Path | None) -> BenchResult:
    if out is None:
        raise UsageError("--merge A B needs --out, a new folder for the merged bench")
    merged = merge_benches([BenchFolder(place) for place in places], BenchFolder(out))
    for place, count in zip(places, merged.cells, strict=True):
        click.echo(f"{_count(count)} from {place}", err=True)
    if merged.twice:
        click.echo(f"{_count(merged.twice)} in both, with the same values", err=True)
    for cell in merged.disagree:
        click.echo(f"{cell} is in both with other values, or measured otherwise; that of {places[0]} is kept", err=True)
    show(BenchFolder(out))
    return outcome_of(BenchFolder(out), "")


def _threads(engine: Engine, jobs: int | None) -> int:
    """The threads of a cell in a new bench folder."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    return engine.usual_cpus() or max(1, (os.cpu_count() or 1) // (jobs or 1))


def _say_what_runs_on(folder: BenchFolder, engine: Engine) -> None:
    """After Ctrl-C: what the engine still does, and how to stop it."""
    left = len(jobs_of(folder, engine.name))
    if left:
        click.echo(f"\n{_count(left)} of {folder.path} go on under {engine.name}. Run the same command again "
                   "to collect their results, or with --cancel to stop them.", err=True)  # fmt: skip


def _say_detached(folder: BenchFolder, engine: Engine, waiting: int) -> None:
    for place, name in jobs_of(folder, engine.name).items():
        click.echo(f"{name}  {place.name}")
    rest = f"; {_count(waiting)} wait until these have ended, because of --jobs" if waiting else ""
    click.echo(f"The engine {engine.name} has these cells{rest}. Run the same command again, with or without --detach, "
               "to collect results and go on; add --cancel to stop them.", err=True)  # fmt: skip


def _count(cells: int) -> str:
    return f"{cells} cell" if cells == 1 else f"{cells} cells"


def _list(cells: Sequence[Cell], folder: BenchFolder) -> None:
    """The cells of a dry run."""
    finished, declined = folder.results().finished, declined_cells(cells)
    names = ("method", "dataset", "seed", "budget", "state", "estimated")
    headings = [Heading(name, number=name in ("seed", "budget", "estimated")) for name in names]
    rows = []
    known, unknown = 0.0, 0
    for cell in cells:
        seconds = seconds_of(cell, finished.values())
        done = cell.id in finished
        if not done and cell.id not in declined:
            known, unknown = known + (seconds or 0.0), unknown + (seconds is None)
        time_text = "" if done or cell.id in declined else "unknown" if seconds is None else duration(seconds)
        state = _state(cell, done, declined)
        rows.append([cell.label, cell.dataset, str(cell.seed), str(cell.budget), state, time_text])
    print_table(headings, rows)
    rest = f", and {unknown} cells of unknown length" if unknown else ""
    click.echo(f"{len(cells) - len(declined)} cells; to do, one after the other: {duration(known)}{rest}")


def _state(cell: Cell, done: bool, declined: Mapping[str, str]) -> str:
    return "finished" if done else f"not run: {declined[cell.id]}" if cell.id in declined else "to do"
