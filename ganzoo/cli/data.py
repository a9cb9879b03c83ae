"""`ganzoo data`: turns raw files into stores, and inspects stores."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ganzoo.cli.paths import PATH
from ganzoo.cli.setting_options import SettingOption, setting_options
from ganzoo.cli.table import print_table
from ganzoo.configuration.layers import build_config, did_you_mean
from ganzoo.configuration.toml import without_none, write_toml
from ganzoo.discovery.registry import registry
from ganzoo.errors import DatasetError, UsageError
from ganzoo.files.archive import Archive
from ganzoo.files.guard import reading
from ganzoo.files.store import Store, data_folder, is_store, prepared
from ganzoo.files.store_pair import how_to_get
from ganzoo.report.terminal import Heading
from ganzoo.stores.download import download
from ganzoo.stores.prepare import prepare
from ganzoo.stores.sheet import contact_sheet
from ganzoo.stores.summary import summary
from ganzoo.stores.verify import problems
from ganzoo.system.paths import typed

FOLDER = PATH
SHEET = "contact-sheet.png"


@click.group(help="Prepare data sets as stores, and inspect them.")
def command() -> None: ...


class _Prepare(click.Group):
    """A command per archive, with the archive's settings as options."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(registry().found["archives"])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        known = registry().found["archives"]
        return _prepare_command(known[name]) if name in known else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        _plugins([args[i + 1] for i, arg in enumerate(args[:-1]) if arg == "--plugin"])
        registry().get("archives", args[0])  # raises with the nearest name
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Archives"):
            formatter.write_dl([(name, cls.summary) for name, cls in registry().found["archives"].items()])


@command.command(
    "prepare",
    cls=_Prepare,
    options_metavar="NAME --from PATH [options]",
    subcommand_metavar="",
    help="Turn raw files into a store.\n\n`ganzoo data prepare NAME --help` lists the options of an archive. Run the "
    "same command again to resume.",
)
def prepare_group() -> None: ...


def _prepare_command(archive: type[Archive]) -> click.Command:
    taken = {"--from", "--to", "--jobs", "--plugin", "--help"}
    made = setting_options(archive.Config, "archive", archive.Config(), taken)

    def callback(origin: Path, to: Path | None, jobs: int, plugin: Sequence[Path], **given: Any) -> None:
        typed = {param.field: given[str(param.name)] for param in made if isinstance(param, SettingOption)}
        reader = archive(build_config(archive.Config, {"options": typed}), origin)
        store = prepare(reader, to or data_folder() / archive.name, jobs=jobs, finishing=_with_sheet)
        _report(store)

    own = [
        click.Option(["--from", "origin"], type=FOLDER, required=True, metavar="PATH", help=archive.expects),
        click.Option(["--to"], type=FOLDER, help=f"The store's folder.  [default: {archive.name} in the data folder]"),
        click.Option(["--jobs"], type=click.IntRange(0), default=0, help="Reading processes.  [default: one per core]"),
        click.Option(["--plugin"], type=FOLDER, multiple=True, metavar="FILE", help="Load a plugin from a .py file."),
    ]
    about = f"{archive.summary}\n\n{archive.homepage}\n\nLicence: {archive.license}"
    return click.Command(archive.name, params=[*own, *made], callback=callback, help=about)


def _with_sheet(folder: Path) -> None:
    contact_sheet(Store(folder), folder / SHEET)


def _report(store: Store) -> None:
    card = store.card
    click.echo(f"{len(store):,} images in {store.path}")
    if card["skipped"]:
        first = card["skipped_first"][0]
        click.echo(f"{card['skipped']:,} images or whole files were skipped; the first: {first}", err=True)
    click.echo(f"Look at {store.path / SHEET} before you train on it.")


@command.command("download", help="Download the files of an archive, if its licence allows it.")
@click.argument("name")
@click.option("--to", type=FOLDER, help="The folder for the files.  [default: raw/NAME in the data folder]")
def download_command(name: str, to: Path | None) -> None:
    archive: type[Archive] = registry().get("archives", name)
    if not archive.downloads():
        raise UsageError(f"{name} is not downloaded automatically: {how_to_get(archive)}")
    folder = to or data_folder() / "raw" / name
    click.echo(f"Licence of {name}: {archive.license} ({archive.homepage})", err=True)
    download(archive.downloads(), folder)
    click.echo(f"{name} is in {folder}; next: ganzoo data prepare {name} --from {folder}")


@command.command("list", help="List the archives that can be prepared, and the prepared stores.")
def list_command() -> None:
    rows = []
    stores = prepared()
    for name, archive in registry().found["archives"].items():
        rows.append([name, archive.summary, _state(name)[0] if name in stores else "not prepared"])
    for name in stores:
        if name not in registry().found["archives"]:
            state, about = _state(name)
            rows.append([name, about, state])
    print_table([Heading("name"), Heading("summary"), Heading("state")], rows, "data sets")
    click.echo(f"Stores are in {data_folder()} (GANZOO_DATA moves it).", err=True)


def _state(name: str) -> tuple[str, str]:
    """The state of a store, and its card."""
    try:
        store = Store(data_folder() / name)
        return f"prepared, {len(store):,} images", str(store.card.get("summary", ""))
    except DatasetError:
        return "damaged; prepare it again", ""


@command.command("info", help="Show the card of a store, and a summary of its labels.")
@click.argument("store")
def info_command(store: str) -> None:
    opened = _open(store)
    card = {key: value for key, value in opened.card.items() if key != "inputs"}
    click.echo(write_toml(without_none(card)))
    rows = []
    for name, facts in summary(opened).items():
        ends = ["" if end is None else f"{end:,.3g}" for end in (facts.low, facts.mean, facts.high)]
        rows.append([name, f"{facts.missing:,}", f"{facts.values:,}", *ends, facts.drawn()])
    numbers = [Heading(name, number=True) for name in ("missing", "distinct", "min", "mean", "max", "histogram")]
    print_table([Heading("column"), *numbers], rows)


@command.command("show", help="Write a contact sheet of a store as a PNG.")
@click.argument("store")
@click.option("--out", type=FOLDER, help=f"The picture.  [default: {SHEET} in the store]")
@click.option("--columns", type=click.IntRange(1, 40), default=8, help="Images in a row.  [default: 8]")
@click.option("--rows", type=click.IntRange(1, 40), default=5, help="Rows.  [default: 5]")
def show_command(store: str, out: Path | None, columns: int, rows: int) -> None:
    opened = _open(store)
    file = out or opened.path / SHEET
    contact_sheet(opened, file, columns=columns, rows=rows)
    click.echo(str(file))


@command.command("verify", help="Check a store: checksums, label ranges, equal images in training and test.")
@click.argument("store")
def verify_command(store: str) -> None:
    opened = _open(store)
    found = list(problems(opened))
    for problem in found:
        click.echo(f"{opened.path}: {problem}", err=True)
    if found:
        sys.exit(1)
    click.echo(f"{opened.path}: {len(opened):,} images, all consistent with its card")


def _open(name: str) -> Store:
    """A store by its name or its folder."""
    path = typed(name) if is_store(typed(name)) else data_folder() / name
    if not is_store(path):
        archives = registry().found["archives"]
        if name in archives:
            raise DatasetError(f"{name} is not prepared; {how_to_get(archives[name])}")
        raise DatasetError(f"there is no store {name!r}{did_you_mean(name, prepared())}: neither a folder that holds "
                           f"one nor a name in {data_folder()}")  # fmt: skip
    with reading(path, "store"):
        return Store(path)


def _plugins(files: Sequence[str]) -> None:
    for file in files:
        registry().add_file(file)
