"""`ganzoo plugin check|list|new`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from ganzoo.cli.listing import print_plugins, unknown_disabled
from ganzoo.cli.paths import PATH
from ganzoo.configuration.layers import did_you_mean
from ganzoo.discovery.registry import KINDS, registry, singular
from ganzoo.errors import ConfigError, UnknownNameError, UsageError
from ganzoo.scaffold.names import Names, names_of
from ganzoo.scaffold.package import KINDS as NEW_KINDS
from ganzoo.scaffold.package import LICENSES, write_package


@click.group(help="Create, check and list plugins.")
def command() -> None: ...


@command.command("list", help="List plugins: what each adds, its package, version and contract, and whether it works.")
def list_command() -> None:
    print_plugins()
    if unknown := unknown_disabled():
        click.echo(f"warning: {unknown}", err=True)


@command.command(
    "check",
    help="Check that a plugin keeps its contract, rule by rule. NAME_OR_FILE is a .py file, or the name of a plugin, "
    "method, dataset, metric, tracker, engine, capability, task or backbone. Methods are checked with each of their "
    "presets.",
)
@click.argument("name_or_file")
@click.option("--slow", is_flag=True, help="Also run slow checks: learning, resuming after a kill, on a GPU.")
@click.option("--only", metavar="CHECK", multiple=True, help="Run only this check; may be given several times.")
@click.option(
    "--set", "settings", metavar="SETTING=VALUE", multiple=True,
    help="Check with this setting, such as a small size of a dataset; may be given several times.",
)  # fmt: skip
def check_command(name_or_file: str, slow: bool, only: Sequence[str], settings: Sequence[str]) -> None:
    from ganzoo.testing import CHECKS, generate_checks  # imports torch's training loop
    from ganzoo.testing.configured import name_of

    known = [made.name for made in CHECKS]
    for name in only:
        if name not in known:
            raise UnknownNameError(f"--only {name}: there is no such check{did_you_mean(name, known)}")
    console, counts = Console(soft_wrap=True, highlight=False), {"ok": 0, "failed": 0, "skipped": 0}
    for cls in _classes(name_or_file):
        kind = singular(next(kind for kind, base in KINDS.items() if issubclass(cls, base)))
        pairs = list(generate_checks([_configured(cls, settings)], slow=slow or bool(only)))
        console.print(f"[bold]{escape(cls.name)}[/bold] ({kind})")
        if not pairs:
            console.print(f"  there are no checks for {kind}s")
        before = cls.name
        for subject, made in pairs:
            if not only or made.name in only:
                if (name := name_of(subject)) != before:
                    console.print(f"[bold]{escape(name)}[/bold] ({kind}, with the settings of a preset)")
                    before = name
                counts[_made(console, subject, made)] += 1
    more = "" if slow or only else "; --slow also runs the slow ones"
    console.print(f"{counts['ok']} ok, {counts['failed']} failed, {counts['skipped']} skipped{more}")
    if counts["failed"]:
        sys.exit(1)


@command.command(
    "new", help="Create a plugin: an installable package NAME with a small working example, its test, README and CI."
)
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(NEW_KINDS), default="refiner", show_default=True, help="What the plugin adds."
)
@click.option("--license", type=click.Choice(LICENSES), default="none", show_default=True, help="Its licence.")
@click.option("--author", default="", help="The copyright holder.   [default: the authors of NAME]")
@click.option(
    "--out", type=PATH, help="The folder to create.   [default: ganzoo-NAME, here]"
)  # fmt: skip
def new_command(name: str, kind: str, license: str, author: str, out: Path | None) -> None:
    names = names_of(name)
    for warning in _taken(names, kind):
        click.echo(f"warning: {warning}", err=True)
    folder = out or Path(names.package)
    files = write_package(folder, names, kind, license=license, author=author)
    for file in files:
        click.echo(str(folder / file))
    click.echo(
        f"Next: change {folder / names.module}.py where it says CHANGE, and check it with\n"
        f"    ganzoo plugin check {folder / names.module}.py\n"
        f"Install it with `pip install -e {folder}`; then `ganzoo list` has it.",
        err=True,
    )


def _classes(name_or_file: str) -> list[Any]:
    if not name_or_file.endswith(".py"):
        try:
            return registry().classes_of(name_or_file)
        except UnknownNameError:
            if Path(name_or_file).exists():
                what = f"{name_or_file} is not a Python file; name the .py file, or the plugin by its name"
                raise UsageError(what) from None
            raise
    plugin = registry().add_file(name_or_file)
    return [registry().found[kind][name] for kind, names in plugin.adds.items() for name in names]


def _configured(cls: type, settings: Sequence[str]) -> type:
    if not settings:
        return cls
    from ganzoo.testing import configured

    given = {}
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"--set {text}: write it as SETTING=VALUE")
        given[name.replace("-", "_")] = value
    return configured(cls, **given)


def _made(console: Console, subject: type, made: Any) -> str:
    """Run one check, and print its result in a line."""
    from ganzoo.testing import CheckFailed, CheckSkipped

    try:
        with console.status(made.name):
            made(subject)
    except CheckSkipped as reason:
        console.print(f"  [yellow]skipped[/yellow]  {made.name}, because {escape(str(reason))}")
        return "skipped"
    except CheckFailed as failure:
        console.print(f"  [red]failed[/red]   {made.name}: {escape(failure.what)}")
        console.print(f"           Why it matters: {escape(made.why)}\n           How to fix it: {escape(made.fix)}")
        return "failed"
    console.print(f"  [green]ok[/green]       {made.name}: [dim]{escape(made.rule)}[/dim]")
    return "ok"


def _taken(names: Names, kind: str) -> list[str]:
    """Why this name would fail once the plugin is installed."""
    from importlib.util import find_spec

    kinds = {
        "dataset": "datasets",
        "metric": "metrics",
        "criterion": "criteria",
        "tracker": "trackers",
        "capability": "capabilities",
    }
    said = []
    own = names.name.replace("-", "_") if kind == "capability" else names.name
    if own in registry().found[kinds.get(kind, "methods")]:
        said.append(f"there is a {kind} {names.name!r} already; ganzoo will not load a second one of that name")
    if find_spec(names.module) is not None:
        said.append(f"there is a Python module {names.module} already, which hides this one or is hidden by it")
    return said
