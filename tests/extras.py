"""Tests of what an extra of pyproject.toml brings: without it they skip with the command that installs it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS: dict[str, list[str]] = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def needs(extra: str) -> None:
    """Skip the test unless every package of the extra is installed."""
    names = [re.match(r"[\w.-]+", requirement).group() for requirement in EXTRAS[extra]]
    if missing := [name for name in names if not installed(name)]:
        verb = "is" if len(missing) == 1 else "are"
        pytest.skip(f"{' and '.join(missing)} {verb} not installed: pip install 'ganzoo[{extra}]'")


def installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
