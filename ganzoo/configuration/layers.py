"""Merges layers of settings (presets, TOML files, options) into a Config."""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from ganzoo.errors import ConfigError
from ganzoo.settings import Settings
from ganzoo.system.paths import absolute

Config = TypeVar("Config", bound=Settings)
LONGEST = 200  # characters of a value in an error


def build_config(config: type[Config], layers: Mapping[str, Mapping[str, Any]]) -> Config:
    """Make a `config` from named layers of settings; later layers win, None means unset.

    The layer "options" holds the command line's options. Raises ConfigError naming the layer and the setting that is
    unknown or out of range.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for layer, values in layers.items():
        if not isinstance(values, Mapping):
            raise ConfigError(f"{layer} must be a table of settings, not {as_text(values)}")
        for name, value in values.items():
            if name not in config.model_fields:
                raise ConfigError(f"{layer}: there is no setting {name!r}{did_you_mean(name, config.model_fields)}")
            if not _is_text(value):
                raise ConfigError(
                    f"{layer}: {name} = {value!r}: names must be valid UTF-8, or run.toml cannot hold them"
                )
            if value is not None:
                merged[name] = _read(value, kind_of(config.model_fields[name]))
                origin[name] = layer
    try:
        return config(**merged)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        flag = "--" + name.replace("_", "-")
        where = flag if origin.get(name, "options") == "options" else f"{origin[name]}: {name}"
        message = first["msg"].removeprefix("Value error, ") or "invalid"
        raise ConfigError(f"{where} = {as_text(merged.get(name))}: {message[0].lower()}{message[1:]}") from None


def path_settings(config: type[Settings]) -> list[str]:
    """The settings that are paths."""
    return [name for name, field in config.model_fields.items() if kind_of(field) is Path]


def did_you_mean(name: str, known: Any) -> str:
    """A hint for a misspelt name, or the list of known names."""
    near = difflib.get_close_matches(name, list(known), n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(known)}" if known else ""


def kind_of(field: FieldInfo) -> Any:
    """The field's type without its `| None`."""
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return rest[0]
    return kind


def _read(value: Any, kind: Any) -> Any:
    """A value converted to its kind: commas separate the items of a tuple, and a path becomes absolute."""
    if get_origin(kind) is tuple and isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return absolute(value) if kind is Path and isinstance(value, str | Path) else value


def as_text(value: Any) -> str:
    """A value as help and errors show it."""
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
