"""Settings become options of a command."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from ganzoo.configuration.layers import as_text, kind_of
from ganzoo.settings import Settings


class SettingOption(click.Option):
    """An option made from one field of a Config."""

    def __init__(self, flag: str, table: str, field: str, **kwargs: Any) -> None:
        parameter = re.sub(r"\W", "_", f"{table}__{field}")
        super().__init__([flag, parameter], default=None, **kwargs)
        self.flag, self.table, self.field = flag.split("/")[0], table, field


def setting_options(
    config: type[Settings], table: str, shown: Settings, taken: set[str], prefix: str = ""
) -> list[SettingOption]:
    """One option per field, those of the class itself before inherited ones; `shown` gives the defaults that the help
    shows.

    A flag that is already `taken` is prefixed with the table's name; new flags are added to `taken`.
    """
    made: list[SettingOption] = []
    own = inspect.get_annotations(config)
    for name, field in sorted(config.model_fields.items(), key=lambda item: item[0] not in own):
        flag = "--" + (prefix + name).replace("_", "-")
        if flag in taken:
            flag = f"--{table}-{name}".replace("_", "-")
        taken.add(flag)
        text = f"{field.description or ''}  [{_limits(field)}default: {as_text(getattr(shown, name))}]"
        kind = kind_of(field)
        if kind is bool:
            made.append(SettingOption(f"{flag}/--no-{flag[2:]}", table, name, help=text))
        elif get_origin(kind) is Literal:
            made.append(SettingOption(flag, table, name, help=text, type=click.Choice([*map(str, get_args(kind))])))
        else:
            made.append(SettingOption(flag, table, name, help=text, metavar=_metavar(kind)))
    return made


def _metavar(kind: Any) -> str:
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return "A,B,..."
        return ",".join(["NUMBER"] * len(inner))
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _limits(field: FieldInfo) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = [
        f"{sign} {getattr(rule, key)}" for rule in field.metadata for key, sign in signs.items() if hasattr(rule, key)
    ]
    return ", ".join(found) + "; " if found else ""
