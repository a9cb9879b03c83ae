"""`ganzoo list`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from ganzoo.applying.choice import capabilities_of
from ganzoo.cli.paths import PATH
from ganzoo.cli.table import print_table
from ganzoo.discovery.registry import DISABLE, KINDS, registry
from ganzoo.errors import UsageError, printable
from ganzoo.report.terminal import Heading


@click.command(
    help="List what is installed: methods, datasets, metrics, extractors, archives, trackers, engines, capabilities, "
    "criteria, plugins; everything if no kind is named."
)
@click.argument("kind", required=False, type=click.Choice([*KINDS, "plugins"]))
@click.option("--dataset", help="Show for each method whether it can be run on this dataset, and if not, why.")
@click.option("--plugin", multiple=True, type=PATH, help="Load a plugin from a .py file.")
def command(kind: str | None, dataset: str | None, plugin: tuple[Path, ...]) -> None:
    for file in plugin:
        registry().add_file(file)
    if dataset is not None:
        if kind not in (None, "methods"):
            raise UsageError(f"--dataset shows which methods can be run on it, but {kind} cannot be run")
        _print_suitable(dataset)
        return
    for each in [kind] if kind else [*KINDS, "plugins"]:
        if each == "plugins":
            print_plugins()
        else:
            _print_classes(each)


def _print_suitable(dataset: str) -> None:
    """Every method, and whether it accepts a dataset with its default settings."""
    from ganzoo.runs.experiment import make_plan
    from ganzoo.runs.suitability import reason_to_decline

    plans = [make_plan(name, dataset, None, {}) for name in registry().found["methods"]]
    spec = plans[0].dataset(plans[0].dataset_config).spec()
    rows = [[p.method.name, reason_to_decline(p.method, p.method_config, spec) or "yes"] for p in plans]
    print_table([Heading("name"), Heading("can be run")], rows, f"methods on {dataset}")


def _print_classes(kind: str) -> None:
    packages = {name: plugin.package for plugin in registry().plugins for name in plugin.adds.get(kind, [])}
    rows: list[list[Text | str]] = []
    for name, cls in registry().found[kind].items():
        summary = Text(printable(cls.summary))
        if not getattr(cls, "by_default", True):
            summary.append(" On request.", style="dim")
        able = [", ".join(capabilities_of(cls))] if kind == "methods" else []
        rows.append([name, summary, *able, packages[name]])
    can = [Heading("can")] if kind == "methods" else []
    print_table([Heading("name"), Heading("summary"), *can, Heading("package")], rows, kind)


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
    """The names in GANZOO_DISABLE_PLUGINS that are not plugins, as a sentence; empty if there are none."""
    names = registry().unknown_disabled
    return f"{DISABLE} names {', '.join(names)}, which is not an installed plugin" if names else ""
