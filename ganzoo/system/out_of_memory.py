"""Memory that is refused: how to know it, and what would have fitted."""

from __future__ import annotations

from collections.abc import Callable

REFUSALS = (  # torch has a type of its own for a GPU's refusal, and for the host's nothing but words
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
    """The first of `size`, half of it, and so on, with which `attempt` does not raise; None where 1 does.

    Whatever is raised counts: a BatchNorm refuses a batch of one in words of its own.
    """
    while size >= 1:
        try:
            attempt(size)
            return size
        except Exception:
            size //= 2
    return None
