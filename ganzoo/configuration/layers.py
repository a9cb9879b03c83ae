"""Settings become command-line options; layers of settings (presets, TOML, options) become a Config."""

from __future__ import annotations

import difflib
import inspect
import re
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import click
import tomli_w
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ganzoo.errors import ConfigError
from ganzoo.settings import Settings
from ganzoo.system.paths import absolute

Config = TypeVar("Config", bound=Settings)
LONGEST = 200  # letters of a value in an error


class SettingOption(click.Option):
    """An option made from one field of a Config."""

    def __init__(self, flag: str, table: str, field: str, **kwargs: Any) -> None:
        parameter = re.sub(r"\W", "_", f"{table}__{field}")
        super().__init__([flag, parameter], default=None, **kwargs)
        self.flag, self.table, self.field = flag.split("/")[0], table, field


def options(
    config: type[Settings], table: str, shown: Settings, taken: set[str], prefix: str = ""
) -> list[SettingOption]:
    """One option per field, those of the class itself before inherited ones; `shown` gives the defaults that help
    states.

    A flag that is already `taken` gets the table's name in front; those made here are added to `taken`.
    """
    made: list[SettingOption] = []
    own = inspect.get_annotations(config)
    for name, field in sorted(config.model_fields.items(), key=lambda item: item[0] not in own):
        flag = "--" + (prefix + name).replace("_", "-")
        if flag in taken:
            flag = f"--{table}-{name}".replace("_", "-")
        taken.add(flag)
        text = f"{field.description or ''}  [{_limits(field)}default: {_as_text(getattr(shown, name))}]"
        kind = _kind(field)
        if kind is bool:
            made.append(SettingOption(f"{flag}/--no-{flag[2:]}", table, name, help=text))
        elif get_origin(kind) is Literal:
            made.append(SettingOption(flag, table, name, help=text, type=click.Choice([*map(str, get_args(kind))])))
        else:
            made.append(SettingOption(flag, table, name, help=text, metavar=_metavar(kind)))
    return made


def build(config: type[Config], layers: Mapping[str, Mapping[str, Any]]) -> Config:
    """Make a `config` from named layers of settings; later layers win, None means unset.

    The layer "options" is what was typed. Raises ConfigError naming the layer and the setting that is unknown or
    out of range.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for layer, values in layers.items():
        if not isinstance(values, Mapping):
            raise ConfigError(f"{layer} must be a table of settings, not {_as_text(values)}")
        for name, value in values.items():
            if name not in config.model_fields:
                raise ConfigError(f"{layer}: there is no setting {name!r}{did_you_mean(name, config.model_fields)}")
            if not _is_text(value):
                raise ConfigError(
                    f"{layer}: {name} = {value!r}: names must be valid UTF-8, or run.toml cannot hold them"
                )
            if value is not None:
                merged[name] = _read(value, _kind(config.model_fields[name]))
                origin[name] = layer
    try:
        return config(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        flag = "--" + name.replace("_", "-")
        where = flag if origin.get(name, "options") == "options" else f"{origin[name]}: {name}"
        message = first["msg"].removeprefix("Value error, ") or "impossible"
        raise ConfigError(f"{where} = {_as_text(merged.get(name))}: {message[0].lower()}{message[1:]}") from None


def path_settings(config: type[Settings]) -> list[str]:
    """The settings that are paths."""
    return [name for name, field in config.model_fields.items() if _kind(field) is Path]


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as tables. Raises ConfigError where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not valid TOML: it is nested too deep") from error
    except ValueError as error:  # of tomllib, of the encoding, of a number with thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def as_table(config: Settings) -> dict[str, Any]:
    """A config as a TOML table; what is None is left out."""
    return {key: value for key, value in config.model_dump(mode="json").items() if value is not None}


def write_toml(tables: Mapping[str, Any]) -> str:
    return tomli_w.dumps(tables)


def without_none(value: Any) -> Any:
    """A JSON document as TOML can hold it, which has no null."""
    if isinstance(value, Mapping):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return ["none" if each is None else without_none(each) for each in value]
    return value


def did_you_mean(name: str, known: Any) -> str:
    """A hint for a misspelt name, or the list of the names there are."""
    near = difflib.get_close_matches(name, list(known), n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(known)}" if known else ""


def _kind(field: FieldInfo) -> Any:
    """The field's type without its `| None`."""
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return rest[0]
    return kind


def _metavar(kind: Any) -> str:
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return "A,B,..."
        return ",".join(["NUMBER"] * len(inner))
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _read(value: Any, kind: Any) -> Any:
    """A value as its kind is written: commas part the items of a tuple, and a path is meant from where one stands."""
    if get_origin(kind) is tuple and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return absolute(value) if kind is Path and isinstance(value, str | Path) else value


def _limits(field: FieldInfo) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    found = [
        f"{sign} {getattr(rule, key)}" for rule in field.metadata for key, sign in signs.items() if hasattr(rule, key)
    ]
    return ", ".join(found) + "; " if found else ""


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple | list):
        return ",".join(_short(str(each)) for each in value) or "none"
    return _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _is_text(value: Any) -> bool:
    """Whether a value can be written to a file; file names of other encodings cannot."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
