"""Rows of a memory map that are about to be read, asked of the disk all at once.

A row that is not in memory is read when it is first touched, one after the other, and the system reads more around it,
which is of no use where the next row lies elsewhere.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

WILL_NEED = getattr(mmap, "MADV_WILLNEED", None)  # not on Windows


class MappedRows:
    """The rows of an array [N, ...] that lies in a memory map, every row in one piece."""

    def __init__(self, array: np.ndarray, memory: mmap.mmap) -> None:
        self.memory = memory
        self.first = _address(array) - _address(np.frombuffer(memory, np.uint8))
        self.step, self.bytes = array.strides[0], int(array[:1].nbytes)

    @staticmethod
    def of(array: np.ndarray) -> MappedRows | None:
        """None for an array that lies in memory, or whose rows are in pieces."""
        memory: Any = array
        while isinstance(memory, np.ndarray):
            memory = memory.base
        whole = len(array) > 0 and array[0].flags.c_contiguous
        return MappedRows(array, memory) if isinstance(memory, mmap.mmap) and whole else None

    def ask(self, rows: np.ndarray) -> None:
        """Let the system fetch these rows; nobody waits for it."""
        if WILL_NEED is not None:
            for start, length in self.pages(rows):
                self.memory.madvise(WILL_NEED, start, length)

    def pages(self, rows: np.ndarray) -> Iterator[tuple[int, int]]:
        """Where each row lies in the map, from the beginning of a page, and how many bytes from there to its end."""
        begin = self.first + rows * self.step
        page = begin - begin % mmap.PAGESIZE
        return zip(page.tolist(), (begin + self.bytes - page).tolist(), strict=True)


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])
