"""Signals that ask a run to save: it then stops (Ctrl-C, SIGTERM, SIGUSR2) or continues (SIGUSR1).

SIGUSR1 and SIGUSR2 are the usual warnings of a cluster: the first before a limit that may still be moved, the second
before the job is ended and queued again. After SIGUSR2 the exit code, 75, says that the run can be resumed.

During training they are handled at the end of a step, so that the checkpoint is complete. At other times Ctrl-C and
SIGTERM stop the process at once, because there is nothing to save.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ganzoo.errors import InterruptedRunError

RESUMABLE = 75  # exit code; EX_TEMPFAIL of sysexits.h
STOP = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR2": RESUMABLE}  # exit codes as shells expect them
IMPATIENT = ("SIGINT", "SIGTERM")  # a second one does not wait for the end of the step
SAVE = "SIGUSR1"
RESUME = "run the same command again to resume"

_asked: list[str] = []  # names of received signals, in order
_waiting = False  # whether a caller polls `asked`


@contextmanager
def heard() -> Iterator[None]:
    """Handle the signals in the body. Does nothing outside the main thread, where Python receives none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in (*STOP, SAVE) if hasattr(signal, name)]  # Windows has no SIGUSR1 and SIGUSR2
    before = {name: signal.signal(getattr(signal, name), _hear) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
        _asked.clear()


@contextmanager
def waiting() -> Iterator[None]:
    """In the body, signals are kept until `asked` reads them."""
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
    """Act as if SIGUSR1 was received: the training saves and continues."""
    _asked.append(SAVE)


def _hear(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    again = name in IMPATIENT and name in _asked
    if name in STOP and (again or not _waiting):
        raise InterruptedRunError(f"stopped by {name}; {RESUME}", STOP[name])
    _asked.append(name)
