"""Summarises the labels of a store, column by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganzoo.files.store import Store

BINS = 12
BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class ColumnSummary:
    """A column of numbers, or of words (then without range and histogram)."""

    missing: int
    values: int  # distinct ones
    low: float | None = None
    mean: float | None = None
    high: float | None = None
    histogram: tuple[int, ...] = ()  # counts in equal bins from `low` to `high`

    def drawn(self) -> str:
        """The histogram in one line of text; a bin that is not empty shows something."""
        most = max(self.histogram, default=0)
        return "".join(BLOCKS[-(-count * (len(BLOCKS) - 1) // most)] for count in self.histogram) if most else ""


def summary(store: Store) -> dict[str, ColumnSummary]:
    """A summary of each column of single values (not of vectors)."""
    found = {}
    for name in store.columns:
        values = store.column(name)
        if values.ndim > 1:
            continue
        if values.dtype.kind not in "fiu":
            known = values[[value is not None for value in values]] if values.dtype == object else values
            found[name] = ColumnSummary(len(values) - len(known), len(np.unique(known.astype(str))))
            continue
        numbers = values.astype(np.float64)
        known = numbers[np.isfinite(numbers)]
        missing, different = len(numbers) - len(known), len(np.unique(known))
        if not len(known):
            found[name] = ColumnSummary(missing, 0)
            continue
        counts, _ = np.histogram(known, BINS)
        ends = float(known.min()), float(known.mean()), float(known.max())
        found[name] = ColumnSummary(missing, different, *ends, tuple(counts.tolist()))
    return found
