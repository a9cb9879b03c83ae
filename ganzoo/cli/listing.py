"""`ganzoo list`."""

from __future__ import annotations

from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ganzoo.applying.choice import capabilities_of
from ganzoo.cli.paths import PATH
from ganzoo.errors import UsageError
from ganzoo.registry import DISABLE, KINDS, registry


@click.command(
    help="List what is installed: methods, datasets, metrics, extractors, archives, trackers, capabilities, plugins; "
    "everything if no kind is named."
)
@click.argument("kind", required=False, type=click.Choice([*KINDS, "plugins"]))
@click.option("--dataset", help="Say of each method whether it can be run on this dataset, and if not, why.")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(kind: str | None, dataset: str | None, plugin: tuple[Path, ...]) -> None:
    for file in plugin:
        registry().add_file(file)
    console = Console()
    if dataset is not None:
        if kind not in (None, "methods"):
            raise UsageError(f"--dataset says which methods can be run on it, and {kind} cannot be run")
        console.print(_suitable(dataset))
        return
    for each in [kind] if kind else [*KINDS, "plugins"]:
        console.print(plugin_table() if each == "plugins" else _classes(each))


def _suitable(dataset: str) -> Table:
    """Every method, and what it says to a dataset with its default settings."""
    from ganzoo.experiment import make_plan
    from ganzoo.suitability import reason_to_decline

    table = table_of(f"methods on {dataset}", "name", "can be run")
    names = registry().found["methods"]
    plans = [make_plan(name, dataset, None, {}) for name in names]
    spec = plans[0].dataset(plans[0].dataset_config).spec()
    for plan in plans:
        table.add_row(
            escape(plan.method.name), escape(reason_to_decline(plan.method, plan.method_config, spec) or "yes")
        )
    return table


def table_of(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column)
    return table


def _classes(kind: str) -> Table:
    can = ["can"] if kind == "methods" else []
    table = table_of(kind, "name", "summary", *can, "package")
    packages = {name: plugin.package for plugin in registry().plugins for name in plugin.adds.get(kind, [])}
    for name, cls in registry().found[kind].items():
        note = "" if getattr(cls, "by_default", True) else " [dim]On request.[/dim]"
        able = [escape(", ".join(capabilities_of(cls)))] if can else []
        table.add_row(escape(name), escape(cls.summary) + note, *able, escape(packages[name]))
    return table


def plugin_table() -> Table:
    """Every plugin with what it adds, and what is wrong with it."""
    table = table_of("plugins", "name", "adds", "package", "version", "contract", "state")
    for plugin in registry().plugins:
        adds = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in plugin.adds.items() if names)
        state = "ok" if plugin.state == "ok" else f"[{'dim' if plugin.disabled else 'red'}]{escape(plugin.state)}[/]"
        contract = "" if plugin.contract is None else str(plugin.contract)
        cells = map(escape, (plugin.name, adds, plugin.package, plugin.version, contract))
        table.add_row(*cells, state)
    return table


def unknown_disabled() -> str:
    """In words, what GANZOO_DISABLE_PLUGINS names that is no plugin; empty where nothing is."""
    names = registry().unknown_disabled
    return f"{DISABLE} names {', '.join(names)}, which is no installed plugin" if names else ""
