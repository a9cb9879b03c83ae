"""The type of every option that is a path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganzoo.system.paths import typed


class _Path(click.Path):
    """`~` means the home folder, even if the shell does not replace it, as in --out=~/run."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return typed(str(super().convert(value, param, ctx)))


PATH = _Path(path_type=Path)
