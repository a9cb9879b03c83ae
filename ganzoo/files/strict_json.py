"""Reads untrusted JSON: plain values, or a ValueError and no other error."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 64  # nested containers, so that recursion over a document cannot exhaust the stack


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, with a one-line message, if it is invalid or nested too deeply."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [part for each in level if isinstance(each, dict | list) for part in _parts(each)]
        if not level:
            return value
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def is_whole(value: object) -> bool:
    """Whether a value is an integer, which True is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _parts(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container
