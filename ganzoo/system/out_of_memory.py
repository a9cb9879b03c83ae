"""Detects a lack of memory, and finds a size that fits."""

from __future__ import annotations

from collections.abc import Callable

REFUSALS = (  # torch has an error type for a GPU, but for the host only these messages
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "could not create a memory object",
    "could not create a primitive",
    "bad_alloc",
    "alloc_failed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the host or a device has no memory left."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(words in str(error).lower() for words in REFUSALS)


def largest_that_fits(attempt: Callable[[int], object], size: int) -> int | None:
    """The first of `size`, half of it, and so on, with which `attempt` does not raise; None if 1 does.

    Any exception counts: BatchNorm, for one, rejects a batch of one with its own message.
    """
    while size >= 1:
        try:
            attempt(size)
            return size
        except Exception:
            size //= 2
    return None
