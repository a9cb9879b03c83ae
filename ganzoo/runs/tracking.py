"""Reports a run to the trackers. One that fails is named and disabled, and the run continues."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ganzoo.discovery.registry import registry
from ganzoo.errors import DivergenceError, UsageError
from ganzoo.files import strict_json
from ganzoo.metric import Score
from ganzoo.runs.run_folder import RunFolder
from ganzoo.tracker import RunCard, State, Tracker
from ganzoo.training.observer import ForwardingObserver, TrainingObserver

FILE = "trackers.json"  # in the run folder: what each tracker calls the run


class Tracking:
    """The trackers of one run, by name. Raises UnknownNameError, or UsageError if a library is missing.

    `say` shows a sentence to the user; `name` and `group` are those of `RunCard`. Nothing is reported before
    `started`, so a process that must not track never calls it.
    """

    def __init__(
        self, names: Sequence[str], say: Callable[[str], None] = print, *, name: str = "", group: str = ""
    ) -> None:
        self._say, self._name, self._group = say, name, group
        self._chosen: dict[str, type[Tracker]] = {each: _class(each) for each in names}
        self._told: dict[str, Tracker] = {}
        self.failures: dict[str, str] = {}  # tracker -> why it was disabled
        self.seconds = 0.0  # that trackers took: not part of the cost of a run

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._chosen)

    def started(self, folder: Path, settings: Mapping[str, Any], first_step: int = 0) -> None:
        """Open the run in every tracker, or resume the one that it has there."""
        ids = _ids(folder / FILE)
        for name, cls in self._chosen.items():
            card = RunCard(self._name or folder.resolve().name, self._group, folder, first_step, ids.get(name, ""))

            def start(tracker: Tracker, card: RunCard = card, name: str = name) -> None:
                ids[name] = tracker.started(settings, card)

            with self._guarded(name, "at the start"):
                self._told[name] = cls()
            self._tell("at the start", start, only=name)
            if name in self._told:
                self._say(f"tracked by {name}" + (f": {self._told[name].look}" if self._told[name].look else ""))
        if self._chosen:
            RunFolder(folder).replace(folder / FILE, json.dumps(ids, indent=1) + "\n")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._tell(f"at step {step}", lambda tracker: tracker.log(step, values))

    def image(self, step: int, name: str, file: Path) -> None:
        self._tell(f"at the picture of step {step}", lambda tracker: tracker.image(step, name, file))

    def scores(self, step: int, scores: Sequence[Score]) -> None:
        if scores:
            self._tell("at the scores", lambda tracker: tracker.scores(step, scores))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._tell("at the table", lambda tracker: tracker.table(name, columns, rows))

    @contextmanager
    def closing(self) -> Iterator[None]:
        """When the body ends, report how it ended."""
        state: State = "failed"
        try:
            yield
            state = "complete"
        except DivergenceError:
            state = "diverged"
            raise
        except KeyboardInterrupt:  # including one that a signal asked for
            state = "interrupted"
            raise
        finally:
            self._tell("at the end", lambda tracker: tracker.finished(state))
            self._told.clear()

    def _tell(self, when: str, call: Callable[[Tracker], None], only: str = "") -> None:
        for name, tracker in list(self._told.items()):
            if only in ("", name):
                with self._guarded(name, when):
                    call(tracker)

    @contextmanager
    def _guarded(self, name: str, when: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        except (Exception, SystemExit) as error:  # third-party code may raise anything
            said = str(error).strip().splitlines()
            reason = f"{type(error).__name__}{': ' + said[0] if said else ''}"
            self.failures[name] = reason
            self._say(f"the tracker {name} failed {when} and is disabled; the run continues ({reason})")
            if broken := self._told.pop(name, None):
                with suppress(Exception, SystemExit):  # its data may still be written
                    broken.finished("failed")
        finally:
            self.seconds += time.perf_counter() - began


class TrackedTraining(ForwardingObserver):
    """Reports to the trackers what the loop reports, after passing it on: `inner` makes the pictures."""

    def __init__(self, tracking: Tracking, folder: RunFolder, inner: TrainingObserver) -> None:
        super().__init__(inner)
        self.tracking, self.folder = tracking, folder
        self.known = self._pictures()

    def started(self, first: int, steps: int) -> None:
        self.tracking.started(self.folder.path, self.folder.settings(), first)
        self.inner.started(first, steps)

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        self.inner.logged(step, means, warnings)
        self.tracking.log(step, means)

    def saving(self, step: int) -> None:
        self.inner.saving(step)
        before, self.known = self.known, self._pictures()
        for picture, changed in self.known.items():
            if before.get(picture) != changed:
                self.tracking.image(step, "samples", picture)

    def _pictures(self) -> dict[Path, int]:
        """The sample sheets, with the time of their last change."""
        return {file: file.stat().st_mtime_ns for file in sorted((self.folder.path / "samples").glob("*.png"))}


def _class(name: str) -> type[Tracker]:
    """The tracker of that name, whose library is there."""
    cls: type[Tracker] = registry().get("trackers", name)
    if cls.library:
        found = find_spec(cls.library)
        if found is None or found.origin is None:  # without origin: only a folder of that name
            fix = f"; install it with: {cls.install}" if cls.install else ""
            raise UsageError(f"--track {name}: the library {cls.library} is not installed{fix}")
    return cls


def _ids(file: Path) -> dict[str, str]:
    """What each tracker called the run; empty if the file is absent or damaged."""
    try:
        found = strict_json.parse(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
