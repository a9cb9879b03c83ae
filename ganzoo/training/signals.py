"""Signals that ask a run to save: Ctrl-C and SIGTERM to stop after it, SIGUSR1 (a cluster's warning) to go on.

While a training runs they are heard at the end of a step, so that what is saved is whole. At other times Ctrl-C and
SIGTERM end the work at once, because there is nothing to save.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ganzoo.errors import InterruptedRunError

STOP = {"SIGINT": 130, "SIGTERM": 143}  # exit codes as shells expect them
SAVE = "SIGUSR1"
RESUME = "run the same command again to resume"

_asked: list[str] = []  # names of signals that came, in order
_waiting = False  # whether somebody looks at `_asked`


@contextmanager
def heard() -> Iterator[None]:
    """Listen to the signals in the body. Does nothing outside the main thread, where Python hears none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in (*STOP, SAVE) if hasattr(signal, name)]  # Windows has no SIGUSR1
    before = {name: signal.signal(getattr(signal, name), _hear) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
        _asked.clear()


@contextmanager
def waiting() -> Iterator[None]:
    """In the body signals wait for `asked`."""
    global _waiting
    _waiting, before = True, _waiting
    try:
        yield
    finally:
        _waiting = before


def asked() -> tuple[bool, str]:
    """Whether to save now, and the name of the signal that wants the run to stop (empty: none)."""
    if not _asked:
        return False, ""
    stop = next((name for name in _asked if name in STOP), "")
    if not stop:
        _asked.clear()
    return True, stop


def ask_to_save() -> None:
    """As if SIGUSR1 had come: whoever looks at `asked` saves and goes on."""
    _asked.append(SAVE)


def _hear(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    again = name in STOP and name in _asked  # whoever asks twice does not want to wait
    if name in STOP and (again or not _waiting):
        raise InterruptedRunError(f"stopped by {name}; {RESUME}", STOP[name])
    _asked.append(name)
