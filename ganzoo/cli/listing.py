"""`ganzoo list`."""

from __future__ import annotations

import click
from rich.text import Text

from ganzoo.cli.table import print_table
from ganzoo.errors import printable
from ganzoo.registry import DISABLE, KINDS, registry
from ganzoo.report.terminal import Heading


@click.command(
    help="List what is installed: methods, datasets, metrics, extractors, archives, trackers, plugins; "
    "all where none is named."
)
@click.argument("kind", required=False, type=click.Choice([*KINDS, "plugins"]))
def command(kind: str | None) -> None:
    for each in [kind] if kind else [*KINDS, "plugins"]:
        if each == "plugins":
            print_plugins()
        else:
            _print_classes(each)


def _print_classes(kind: str) -> None:
    packages = {name: plugin.package for plugin in registry().plugins for name in plugin.adds.get(kind, [])}
    rows: list[list[Text | str]] = []
    for name, cls in registry().found[kind].items():
        summary = Text(printable(cls.summary))
        if not getattr(cls, "by_default", True):
            summary.append(" On request.", style="dim")
        rows.append([name, summary, packages[name]])
    print_table([Heading("name"), Heading("summary"), Heading("package")], rows, kind)


def print_plugins() -> None:
    """Every plugin with what it adds, and what is wrong with it."""
    rows: list[list[Text | str]] = []
    for plugin in registry().plugins:
        adds = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in plugin.adds.items() if names)
        style = "" if plugin.state == "ok" else "dim" if plugin.disabled else "red"
        state = Text("ok" if plugin.state == "ok" else printable(plugin.state), style=style)
        contract = "" if plugin.contract is None else str(plugin.contract)
        rows.append([plugin.name, adds, plugin.package, plugin.version, contract, state])
    words = [Heading(name) for name in ("name", "adds", "package")]
    headings = [*words, Heading("version", number=True), Heading("contract", number=True), Heading("state")]
    print_table(headings, rows, "plugins")


def unknown_disabled() -> str:
    """In words, what GANZOO_DISABLE_PLUGINS names that is no plugin; empty where nothing is."""
    names = registry().unknown_disabled
    return f"{DISABLE} names {', '.join(names)}, which is no installed plugin" if names else ""
