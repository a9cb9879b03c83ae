"""The contract of a tracker: a tool that shows runs side by side, such as TensorBoard.

The run folder is complete without any tracker; a tracker receives the same data live. It may fail at any time: the run
then warns once, drops the tracker and continues. Only the first of several processes has trackers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from ganzoo.metric import Score

State = Literal["complete", "interrupted", "diverged", "failed"]  # how a run ended
Setting = str | int | float | bool


@dataclass(frozen=True)
class RunCard:
    """Which run it is."""

    name: str  # of the run's folder or, in a bench, of the cell
    group: str  # what it is compared with: the runs on the same dataset, or the cells of the same bench
    folder: Path  # the run folder; what a tracker writes here has a folder of its own in it
    first_step: int  # the step from which training continues; 0 for a new run
    id: str = ""  # what `started` returned when the run began, if it is resumed now; empty for a new run


class Tracker(ABC):
    """Reports a run to a tool. It is created without arguments; the tool reads its own settings from its environment.

    `started` is called first and `finished` last; any exception disables the tracker. No method may ask for a login or
    wait for a network that the user has not set up: if the tool can work offline, that is the default.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    library: ClassVar[str] = ""  # the module that must be importable; imported in `started`, not before
    install: ClassVar[str] = ""  # the command that installs it
    look: str = ""  # how to see the run, in words; `started` may set it

    @abstractmethod
    def started(self, settings: Mapping[str, Any], card: RunCard) -> str:
        """A run begins, or is resumed if `card.id` is set. `settings` are the tables of its run.toml (or bench.toml).

        Returns the tool's own id of the run, by which it is found when the run is resumed; empty if it needs none.
        """

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of that step, such as the mean of each loss term: "refiner/adversarial"."""

    @abstractmethod
    def image(self, step: int, name: str, file: Path) -> None:
        """A picture (PNG) of that step, such as a sample sheet."""

    @abstractmethod
    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of text, such as the result of a bench."""

    @abstractmethod
    def finished(self, state: State) -> None:
        """The run ended. Everything must be written when this returns."""

    def scores(self, step: int, scores: Sequence[Score]) -> None:
        """The scores of the run trained to `step`: the values as numbers, all the rest as a table."""
        self.log(step, score_values(scores))
        self.table("scores", SCORE_COLUMNS, score_rows(scores))


SCORE_COLUMNS = ("score", "of", "value", "low", "high", "unit", "better", "note")


def score_values(scores: Sequence[Score]) -> dict[str, float]:
    """The scores that could be measured, as "scores/fid[gaze]"; those of a baseline as "scores/source-only/...".

    Many tools allow no brackets in a name: `plain_name` replaces them.
    """
    found = {}
    for score in scores:
        if score.value is not None:
            rival = "" if score.subject == "method" else f"{score.subject}/"
            found[f"scores/{rival}{score.name}"] = score.value
    return found


def score_rows(scores: Sequence[Score]) -> list[list[str]]:
    """The scores as rows under SCORE_COLUMNS."""

    def text(value: float | None) -> str:
        return "" if value is None else f"{value:.6g}"

    return [
        [s.name, s.subject, text(s.value), text(s.low), text(s.high), s.unit, s.better, s.reason or s.warning]
        for s in scores
    ]


def plain_name(name: str) -> str:
    """The name with only letters, digits, `_`, `-`, `.` and `/`: "scores/fid[gaze]" as "scores/fid.gaze"."""
    words = name.replace("[", ".").replace("]", "")
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-./") else "_" for letter in words)


def flat_settings(settings: Mapping[str, Any]) -> dict[str, Setting]:
    """Nested tables, flattened: {"train": {"steps": 5}} as {"train.steps": 5}; lists as text."""
    return dict(_flat(settings, ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Setting]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str | int | float | bool) else str(value)
