"""`ganzoo run METHOD`: a command per method, with options from the settings of the method, dataset and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ganzoo.cli.display import Display
from ganzoo.cli.paths import PATH
from ganzoo.cli.setting_options import SettingOption, setting_options
from ganzoo.cli.table import print_scores
from ganzoo.configuration.layers import did_you_mean
from ganzoo.configuration.toml import read_toml
from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError, UnknownNameError
from ganzoo.runs.experiment import Plan, check_settings, make_plan, run
from ganzoo.runs.origin import check_data, load_plugins, moved_settings, read_origin
from ganzoo.runs.run_folder import RunFolder, planned_steps
from ganzoo.runs.tracking import Tracking
from ganzoo.system import dist
from ganzoo.system.paths import typed

DEFAULT_DATASET = "eyes"
TRACK_HELP = "Also log to this tracker (`ganzoo list trackers`); may be given several times."


class _Run(click.Group):
    """The commands are built when they are requested: their options depend on the arguments."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(registry().found["methods"])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return _command(name, []) if name in registry().found["methods"] else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str, click.Command, list[str]]:
        for file in typed_values(args, "--plugin"):
            registry().add_file(file)
        return args[0], _command(args[0], args[1:]), args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Methods"):
            formatter.write_dl([(name, cls.summary) for name, cls in registry().found["methods"].items()])


class _MethodCommand(click.Command):
    """Groups the options in the help by what they set."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record:
                table = param.table if isinstance(param, SettingOption) else "Run"
                title = {"train": "Training", "evaluate": "Evaluation"}.get(table, table.replace("_", " ").capitalize())
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


@click.command(
    cls=_Run,
    options_metavar="METHOD --dataset NAME [options]",
    subcommand_metavar="",
    help="Train a method on a dataset and measure it.\n\n`ganzoo run METHOD --dataset NAME --help` lists the options "
    "of both. Run the same command again to resume.",
)
def command() -> None: ...


def _command(name: str, args: Sequence[str]) -> click.Command:
    """The command of one method, with the options of the dataset and the preset that `args` name."""
    file = _only(typed_values(args, "--config"))
    tables = _setting_tables(read_toml(typed(file)), file) if file else {}
    asked = tables.get("run", {})
    if asked.get("method", name) != name:
        raise ConfigError(f"--config {file} is for the method {asked['method']!r}, not {name!r}")
    missing = load_plugins(read_origin(tables, Path(file)), typed(file).parent) if file else ""
    dataset = _only(typed_values(args, "--dataset")) or asked.get("dataset", DEFAULT_DATASET)
    preset = _only(typed_values(args, "--preset"))
    try:
        shown = make_plan(name, dataset, preset, {})
    except UnknownNameError as error:
        said = f"--config {file}: {error}" if dataset == asked.get("dataset") else str(error)
        raise UnknownNameError(f"{said}; {missing}" if missing else said) from error
    params = _params(shown)

    def callback(out: Path | None, giver: Path | None, track: tuple[str, ...], **given: Any) -> Path:
        layers = {f"--config {file}": tables} if file else {}
        kept = None if asked.get("preset") == "default" else asked.get("preset")
        chosen = _typed_settings(params, given)
        try:
            layers = {**layers, "options": chosen}
            plan = make_plan(name, dataset, preset or kept, layers, giver or asked.get("from"))
        except UnknownNameError as error:
            raise UnknownNameError(str(error) if preset or not file else f"--config {file}: {error}") from error
        for metric in chosen["metric"].keys() - plan.metric_configs.keys():
            raise ConfigError(f"a setting of the metric {metric} is given, but not measured; name it in --metrics")
        folder = RunFolder(out or plan.default_folder())
        train_and_measure(plan, folder, track)
        return folder.path

    method = shown.method
    text = f"{method.summary}\n\n{method.paper}\n\nPresets: {', '.join(method.presets) or 'none'}."
    return _MethodCommand(name, callback=callback, params=params, help=text)


def _params(shown: Plan) -> list[click.Parameter]:
    read_before = {"expose_value": False}  # these decide which other options exist
    own = [
        click.Option(["--dataset"], help=f"The dataset.  [default: {DEFAULT_DATASET}]", **read_before),
        click.Option(["--preset"], help="Named settings of the method.", **read_before),
        click.Option(
            ["--config"], metavar="FILE", help="Settings from a TOML file, such as a run.toml.", **read_before
        ),
        click.Option(["--plugin"], metavar="FILE", multiple=True, help="Load a plugin from a .py file.", **read_before),
        click.Option(["--track"], metavar="NAME", multiple=True, help=TRACK_HELP),
        click.Option(
            ["--from", "giver"], metavar="RUN", type=PATH, help="Start from the weights of this run of the same method."
        ),
        click.Option(["--out"], type=PATH, help="The run folder.  [default: one in runs/, named after the settings]"),
    ]
    taken = {name for option in own for name in option.opts} | {"--help"}
    made = [
        *setting_options(type(shown.train), "train", shown.train, taken),
        *setting_options(type(shown.method_config), "method", shown.method_config, taken),
        *setting_options(type(shown.dataset_config), "dataset", shown.dataset_config, taken),
        *setting_options(type(shown.evaluate), "evaluate", shown.evaluate, taken),
    ]
    for name, metric in registry().found["metrics"].items():
        config = shown.metric_configs.get(name) or metric.Config()  # metrics on request have settings, too
        made += setting_options(type(config), f"metric {name}", config, taken, prefix=f"{name}-")
    return [*own, *made]


def _typed_settings(params: Sequence[click.Parameter], given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The options given on the command line, as tables."""
    tables: dict[str, dict[str, Any]] = {"metric": {}}
    for param in params:
        if isinstance(param, SettingOption) and given[str(param.name)] is not None:
            table = tables
            if param.table.startswith("metric "):
                table = tables["metric"]
            table.setdefault(param.table.removeprefix("metric "), {})[param.field] = given[str(param.name)]
    return tables


def _setting_tables(tables: dict[str, Any], file: str) -> dict[str, Any]:
    """The tables of a settings file that hold settings; [data], [environment] and [origin] are only information."""
    known = ("run", "method", "dataset", "train", "evaluate", "metric", "data", "environment", "origin")
    for table, content in tables.items():
        if table not in known:
            raise ConfigError(f"--config {file}: there is no table [{table}]{did_you_mean(table, known)}")
        if not isinstance(content, dict):
            raise ConfigError(f"--config {file}: {table} must be in a table, such as [train]")
    for key, value in tables.get("run", {}).items():
        if not isinstance(value, str):
            raise ConfigError(f"--config {file}: [run] {key} must be a name, not {value!r}")
    return tables


def train_and_measure(plan: Plan, folder: RunFolder, track: Sequence[str]) -> None:
    """Run a plan with its display, or resume it; show the scores of one that is complete."""
    title = f"{plan.method.name} on {plan.dataset.name}, step {plan.train.steps}, seed {plan.train.seed}"
    there = folder.settings_file.exists()
    complete = there and planned_steps(folder.settings()) == plan.train.steps
    earlier = folder.scores() if complete else None
    name = folder.path.resolve().name
    display = Display()
    tracking = Tracking(track, display.say, name=name, group=plan.dataset.name)
    if earlier is not None:
        check_settings(plan, folder)
        dataset = plan.dataset(plan.dataset_config)
        if moved_settings(folder, dataset):  # else nothing needs to be read to show the scores
            check_data(folder, dataset)
        if track:
            click.echo("There is nothing left to track.", err=True)
        click.echo(f"{folder.path} is complete; `ganzoo evaluate {folder.path}` measures it again.", err=True)
        print_scores(earlier, plan.method.name, title)
        return
    try:
        with display:
            display.say(f"run folder {folder.path}")
            run(plan, folder, display, tracking)
    finally:
        if display.scores:
            print_scores(display.scores, plan.method.name, title)
    if dist.is_first():
        if not display.scores:
            print_scores([], plan.method.name, title)
        click.echo(f"Everything about this run is in {folder.path}", err=True)


def typed_values(args: Sequence[str], flag: str) -> list[str]:
    """The values of an option in arguments that are not parsed yet."""
    found = [arg.split("=", 1)[1] for arg in args if arg.startswith(flag + "=")]
    return found + [args[i + 1] for i, arg in enumerate(args[:-1]) if arg == flag]


def _only(values: Sequence[str]) -> str | None:
    return values[-1] if values else None
