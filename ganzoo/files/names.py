"""Names of files and people: how they are compared and sorted."""

from __future__ import annotations

import re
import unicodedata


def composed(name: str) -> str:
    """A name in composed Unicode (NFC). macOS writes "é" as two characters, most other programs as one."""
    return unicodedata.normalize("NFC", name)


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """A sorting key that puts 2.png before 10.png."""
    parts = re.split(r"([0-9]+)", name)  # text and numbers alternate
    return [(int(part), "") if at % 2 else (-1, part) for at, part in enumerate(parts)], name
