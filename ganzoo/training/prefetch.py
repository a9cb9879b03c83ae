"""Requests rows of a memory map from the disk, all at once, before they are read.

Without it, each row is read when it is first accessed, one after the other, and the system reads more around it, which
is useless if the next row is elsewhere.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

WILL_NEED = getattr(mmap, "MADV_WILLNEED", None)  # not on Windows


class MappedRows:
    """The rows of an array [N, ...] in a memory map, with contiguous rows."""

    def __init__(self, array: np.ndarray, memory: mmap.mmap) -> None:
        self.memory = memory
        self.first = _address(array) - _address(np.frombuffer(memory, np.uint8))
        self.step, self.bytes = array.strides[0], int(array[:1].nbytes)

    @staticmethod
    def of(array: np.ndarray) -> MappedRows | None:
        """None for an array that is in memory, or whose rows are not contiguous."""
        memory: Any = array
        while isinstance(memory, np.ndarray):
            memory = memory.base
        whole = len(array) > 0 and array[0].flags.c_contiguous
        return MappedRows(array, memory) if isinstance(memory, mmap.mmap) and whole else None

    def ask(self, rows: np.ndarray) -> None:
        """Ask the system to fetch these rows, without waiting."""
        if WILL_NEED is not None:
            for start, length in self.pages(rows):
                self.memory.madvise(WILL_NEED, start, length)

    def pages(self, rows: np.ndarray) -> Iterator[tuple[int, int]]:
        """The offset of the page in which each row begins, and the number of bytes from there to the row's end."""
        begin = self.first + rows * self.step
        page = begin - begin % mmap.PAGESIZE
        return zip(page.tolist(), (begin + self.bytes - page).tolist(), strict=True)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])
