"""One kind of input: how examples are made, how ganzoo reads them, and what may come of it."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hypothesis.strategies import SearchStrategy

from ganzoo.errors import GanzooError

SECONDS = 10  # of a processor that one example may take
WAITS = 20  # times as long it may take by the clock: the machine may be busy, but nothing may block for ever
CANARY = "code-ran"  # a file that payloads try to make
LONGEST = 2_000  # letters of an error: it is a sentence, and no copy of the input
_STARTS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.spawn",
    "subprocess.Popen",
    "pty.spawn",
    "socket.connect",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Target:
    """`read` writes an example into an empty folder, and reads it as ganzoo does.

    It raises the GanzooError with which ganzoo refused it, or returns after checking that what was read is right.
    """

    name: str
    examples: SearchStrategy[Any]
    read: Callable[[Any, Path], None]
    mentions: Sequence[str] = ()  # what an error must name, any of these; empty: the folder
    share: float = 1.0  # of the examples that others get; less where one takes long
    extra: str = ""  # of ganzoo, without which neither examples nor reader can be had


class Bug(AssertionError):  # noqa: N818
    """ganzoo did with an example what it must never do."""


class TooSlow(BaseException):  # no Exception, so that nothing that handles errors swallows it
    """An example took longer than SECONDS."""


def judge(target: Target, example: Any) -> Literal["refused", "read"]:
    """Read one example. Raises Bug, or whatever ganzoo raised that is no GanzooError."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name).resolve()
        outcome: Literal["refused", "read"] = "read"
        try:
            with _watched(folder), _limited():
                target.read(example, folder)
        except GanzooError as error:
            _check(str(error), target.mentions or (str(folder),))
            outcome = "refused"
        if (folder / CANARY).exists():
            raise Bug("code in the input ran")
        return outcome


def _check(message: str, mentions: Sequence[str]) -> None:
    if not message.strip() or "\n" in message or len(message) > LONGEST:
        raise Bug(f"this is no sentence: {message[:LONGEST]!r}")
    if not message.isprintable():
        raise Bug(f"this would steer the terminal: {message!r}")
    if not any(part in message for part in mentions):
        raise Bug(f"this does not name the file: {message!r}")


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TooSlow(f"longer than {SECONDS} s")

    timers = {signal.ITIMER_PROF: (signal.SIGPROF, SECONDS), signal.ITIMER_REAL: (signal.SIGALRM, WAITS * SECONDS)}
    before = {kind: signal.signal(kind, stop) for kind, _ in timers.values()}
    for timer, (_, seconds) in timers.items():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)
        for kind, handler in before.items():
            signal.signal(kind, handler)


_inside: list[Path] = []  # the folder of the example that is being read
_seen: list[str] = []
_hooked: list[bool] = []


@contextmanager
def _watched(folder: Path) -> Iterator[None]:
    """Raises Bug where something was started, or written outside `folder`."""
    if not _hooked:
        sys.addaudithook(_hear)  # stays for ever, and does nothing between examples
        _hooked.append(True)
    _inside.append(folder)
    _seen.clear()
    try:
        yield
    finally:
        _inside.clear()
        if _seen:
            raise Bug(f"reading did this: {_seen[0]}")


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _inside:
        return
    if event in _STARTS:
        _seen.append(f"{event} {arguments!r}")
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, flags = os.fsdecode(arguments[0]), arguments[2]
        writes = isinstance(flags, int) and flags & _WRITES
        if writes and not _own(path):
            _seen.append(f"open {path!r} for writing")


def _own(path: str) -> bool:
    """Whether writing there is no harm: in the example's folder, nowhere, or in Python's and libraries' own caches."""
    place = os.path.abspath(path)
    caches = ("__pycache__", "/.cache/", "/matplotlib", "/ganzoo-fuzz-cache")
    temporary = os.path.join(tempfile.gettempdir(), "tmp")  # names of the module tempfile
    return place.startswith((str(_inside[0]), "/dev/null", temporary)) or any(part in place for part in caches)
