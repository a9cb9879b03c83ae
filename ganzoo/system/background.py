"""Work that is done in a thread while something else goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundWork:
    """One piece of work at a time, in order. What a piece raises is raised by the next call of `do` or `wait`."""

    def __init__(self, name: str) -> None:
        self._worker = ThreadPoolExecutor(1, name)
        self._last: Future[Any] | None = None

    def do(self, work: Callable[..., Any], *given: Any) -> None:
        """Begin `work(*given)` once the piece before is done."""
        self.wait()
        self._last = self._worker.submit(work, *given)

    def wait(self) -> None:
        """Return when all is done."""
        last, self._last = self._last, None
        if last is not None:
            last.result()
