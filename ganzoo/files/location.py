"""A folder or archive of images, optionally with a slice of rows: `eyes.npz[0:1000]`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganzoo.errors import ConfigError, DatasetError

_WITH_ROWS = re.compile(r"(?P<path>.+)\[(?P<rows>[^\[\]]*)\]", re.DOTALL)
_SLICE = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?")


@dataclass(frozen=True)
class Location:
    """The path of images, and which of them are selected (`None`: all)."""

    path: Path
    rows: slice | None = None

    @classmethod
    def parse(cls, path: Path) -> Location:
        """Split off a Python slice in brackets, unless a file of that exact name exists.

        Raises ConfigError if the brackets hold no slice.
        """
        found = _WITH_ROWS.fullmatch(str(path))
        if not found or os.path.exists(path):  # no error for a name that is too long
            return cls(path)
        numbers = _SLICE.fullmatch(found["rows"])
        if not numbers:
            raise ConfigError(f"{path}: select rows with a Python slice such as [0:1000] or [::2]")
        rows = slice(*(int(part) if part else None for part in numbers.groups()))
        if rows.step == 0:
            raise ConfigError(f"{path}: the step of a slice cannot be 0")
        return cls(Path(found["path"]), rows)

    def select(self, count: int) -> np.ndarray:
        """The selected row numbers of `count` rows, int64.

        Raises DatasetError if the slice exceeds the number of rows, or selects none.
        """
        if self.rows is None:
            return np.arange(count)
        for edge in (self.rows.start, self.rows.stop):
            if edge is not None and not -count <= edge <= count:
                raise DatasetError(f"{self}: there are only {count:,} images")
        chosen = np.arange(count)[self.rows]
        if not len(chosen):
            raise DatasetError(f"{self}: the slice selects none of the {count:,} images")
        return chosen

    def __str__(self) -> str:
        if self.rows is None:
            return str(self.path)
        parts = [self.rows.start, self.rows.stop] + ([self.rows.step] if self.rows.step is not None else [])
        return f"{self.path}[{':'.join('' if part is None else str(part) for part in parts)}]"
