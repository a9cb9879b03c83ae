"""Work in a background thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class BackgroundWork:
    """One task at a time, in order. An exception of a task is raised by the next call of `do` or `wait`."""

    def __init__(self, name: str) -> None:
        self._worker = ThreadPoolExecutor(1, name)
        self._last: Future[Any] | None = None

    def do(self, work: Callable[..., Any], *given: Any) -> None:
        """Start `work(*given)` once the previous task is done."""
        self.wait()
        self._last = self._worker.submit(work, *given)

    def wait(self) -> None:
        """Return when the last task is done."""
        last, self._last = self._last, None
        if last is not None:
            last.result()
