"""Prints requirements with the minimum version of every dependency that pyproject.toml bounds from below."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

EXTRAS = ("h5", "test")  # what the tests need; others are tried where they are installed


def lowest(requirement: str) -> str:
    """`name>=1.2` as `name==1.2`. Raises ValueError for a requirement without a lower bound."""
    found = re.fullmatch(r"([A-Za-z0-9_.\[\]-]+)\s*>=\s*([0-9.]+).*", requirement)
    if not found:
        raise ValueError(f"{requirement!r} has no lower bound")
    return f"{found[1]}=={found[2]}"


def main() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *(each for extra in EXTRAS for each in extras[extra])]:
        print(lowest(requirement))


if __name__ == "__main__":
    main()
