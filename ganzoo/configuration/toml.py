"""TOML files and tables."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from ganzoo.errors import ConfigError
from ganzoo.settings import Settings


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as tables. Raises ConfigError if it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{path} is not valid TOML: it is nested too deeply") from error
    except ValueError as error:  # of tomllib, of the encoding, of a number with thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def as_table(config: Settings) -> dict[str, Any]:
    """A config as a TOML table; None values are left out."""
    return {key: value for key, value in config.model_dump(mode="json").items() if value is not None}


def write_toml(tables: Mapping[str, Any]) -> str:
    return tomli_w.dumps(tables)


def without_none(value: Any) -> Any:
    """A JSON document for TOML, which has no null."""
    if isinstance(value, Mapping):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return ["none" if each is None else without_none(each) for each in value]
    return value
