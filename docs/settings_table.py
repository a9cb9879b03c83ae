"""Settings and presets of a plugin as Markdown tables, for the pages of methods and metrics."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from ganzoo.configuration.layers import as_text, kind_of
from ganzoo.settings import Settings

SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
NAMES = {int: "integer", float: "number", bool: "yes or no", str: "text", Path: "path"}


def settings_table(config: type[Settings], prefix: str = "") -> Iterator[str]:
    """The lines of a table with a row for each setting, in the order of `--help`; none if there are no settings."""
    if not config.model_fields:
        return
    own = inspect.get_annotations(config)
    yield "| option | values | default | meaning |\n|---|---|---|---|"
    for name, field in sorted(config.model_fields.items(), key=lambda item: item[0] not in own):
        default = as_text(field.get_default(call_default_factory=True)) if not field.is_required() else "required"
        option = f"--{prefix}{name}".replace("_", "-")
        yield f"| `{option}` | {cell(_values(field))} | {code(default)} | {cell(field.description or '')} |"


def presets_table(presets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a table of presets and what they set."""
    if not presets:
        return
    yield "| preset | sets |\n|---|---|"
    for name, given in presets.items():
        yield f"| `{name}` | {', '.join(f'`{key} = {cell(as_text(value))}`' for key, value in _flat(given))} |"


def _flat(given: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _values(field: FieldInfo) -> str:
    kind = kind_of(field)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(kind))
    limits = [
        f"{sign} {getattr(rule, key):g}" for rule in field.metadata for key, sign in SIGNS.items() if hasattr(rule, key)
    ]
    return ", ".join([_type(kind), *limits])


def _type(kind: Any) -> str:
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return f"list ({_type(inner[0])})"
        return f"{len(inner)} times {_type(inner[0])}"
    return NAMES.get(kind, "text")


def code(text: str) -> str:
    return f"`{cell(text)}`" if text else ""


def cell(text: str) -> str:
    """A text inside a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def with_lists(text: str) -> str:
    """An empty line before each list that follows a paragraph, without which Markdown joins the two."""
    lines = text.splitlines()
    made: list[str] = []
    for line in lines:
        if line.startswith("- ") and made and made[-1].strip() and not made[-1].startswith(("- ", "  ")):
            made.append("")
        made.append(line)
    return "\n".join(made)
