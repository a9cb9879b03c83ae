"""JSON that others may have written or damaged: plain values, or a ValueError and nothing else."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 64  # containers within containers: what walks through a document never runs out of stack


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, in one line, for anything else and for one that is too deep."""
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
    """Whether a value is a whole number, which True is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _parts(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container
