"""The declaration of a tracker, and its calls over a whole run."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganzoo.metric import Score
from ganzoo.testing.checks import check, require, skip, violate
from ganzoo.tracker import RunCard, State, Tracker

SETTINGS = {"run": {"method": "toy"}, "train": {"steps": 4, "lr": 0.1, "device": "cpu"}, "evaluate": {"metrics": ["a"]}}
SCORES = (
    Score("fid[toy]", 1.5, better="lower", low=1.0, high=2.0),
    Score("gaze_error_deg", 7.0, "source-only", unit="deg", better="lower"),
    Score("label_drift_deg", None, reason="there is no held-out source"),
)


@check(
    Tracker,
    why="A tracker that fails is disabled, and the user's record of the run ends there.",
    fix="Accept any names of numbers and tables (see plain_name and flat_settings), and any order after `started`.",
)
def a_whole_run_is_taken(cls: type[Tracker]) -> None:
    """It accepts settings, numbers, pictures, scores and tables without an error, however the run ends."""
    for state in ("complete", "interrupted", "diverged", "failed"):
        with tempfile.TemporaryDirectory() as folder:
            _life(cls, Path(folder), state)


@check(
    Tracker,
    why="Runs are killed and resumed; one record is better than two halves.",
    fix="Return the tool's own id of the run from `started`, and open that run again if card.id is given.",
)
def a_run_goes_on(cls: type[Tracker]) -> None:
    """A new object continues a resumed run under the id that the first one returned."""
    with tempfile.TemporaryDirectory() as folder:
        name = _life(cls, Path(folder), "interrupted")
        again = _life(cls, Path(folder), "complete", first_step=2, name=name)
        require(again == name, f"a run with the id {name!r} has {again!r} when it is resumed")


@check(
    Tracker,
    why="Runs happen on machines without a network, and must neither wait for one nor ask for a login.",
    fix="Write to card.folder, or use the tool's offline mode unless the user has set the tool up.",
)
def needs_no_network(cls: type[Tracker]) -> None:
    """It accepts a whole run without a network, and tries no connection to another machine."""
    with tempfile.TemporaryDirectory() as folder, _no_network() as tried:
        _life(cls, Path(folder), "complete")
    require(not tried, f"it connects to {', '.join(sorted(set(tried)))}")


def _life(cls: type[Tracker], folder: Path, state: State, first_step: int = 0, name: str = "") -> str:
    """Report a run of four steps. Returns the tool's id of the run."""
    if cls.library and find_spec(cls.library) is None:
        skip(f"its library {cls.library} is not installed; {cls.install}")
    picture = folder / "sheet.png"
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(picture)
    try:
        tracker = cls()
        given = tracker.started(SETTINGS, RunCard("toy-run", "toy", folder, first_step, name))
        require(isinstance(given, str), f"started returns {given!r}, not the id of the run as text")
        for step in range(first_step + 1, 5):
            tracker.log(step, {"refiner/adversarial": 1.0 / step, "refiner/self_regularization": 0.0})
        tracker.image(4, "samples", picture)
        tracker.scores(4, SCORES)
        tracker.table("result of the bench", ("method", "fid[toy] ↓"), (("toy | a", "1.5 ± 0.1"), ("other", "")))
        tracker.finished(state)
    except SystemExit as error:
        violate(f"it ends the program: {error}")
    require(isinstance(tracker.look, str), f"look is {tracker.look!r}, not words")
    return given


@contextmanager
def _no_network() -> Iterator[list[str]]:
    """Refuse connections to other machines; the list gets those that were tried."""
    tried: list[str] = []
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else "localhost"
        if host == "localhost" or host.startswith("127.") or host == "::1":
            return connect(self, address)
        tried.append(host)
        raise OSError("there is no network while a tracker is checked")

    socket.socket.connect = refuse  # type: ignore[method-assign, assignment]
    try:
        yield tried
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
