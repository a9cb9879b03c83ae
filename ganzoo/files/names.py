"""Names of files and people: how they are compared, and in what order they stand."""

from __future__ import annotations

import re
import unicodedata


def composed(name: str) -> str:
    """A name in composed Unicode (NFC). macOS writes "é" as two characters, most other programs as one."""
    return unicodedata.normalize("NFC", name)


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sorting key by which 2.png stands before 10.png."""
    parts = re.split(r"([0-9]+)", name)  # text and numbers take turns
    return [(int(part), "") if at % 2 else (-1, part) for at, part in enumerate(parts)], name
