"""How long each kind of warning has persisted: it was in every line of the log since its first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_LINES = 3  # one or two lines may be chance, however many steps lie between them


def kind_of(warning: str) -> str:
    """What is constant in a warning from line to line: the words before its first colon, without the numbers."""
    return "".join(letter for letter in warning.partition(":")[0] if not letter.isdigit())


@dataclass(frozen=True)
class PersistentWarning:
    """A warning that persists."""

    since: int  # the step of the first line that had it
    lines: int  # how many had it
    last: str  # its text in the last line


class PersistentWarnings:
    """Updated with each line of the log. Its state is a function of the lines alone, and fits into JSON."""

    def __init__(self) -> None:
        self.known: dict[str, PersistentWarning] = {}

    def heed(self, step: int, warnings: Sequence[str]) -> None:
        """Add the warnings of the line at `step`; kinds that are not among them are dropped."""
        before, self.known = self.known, {}
        for warning in warnings:
            kind = kind_of(warning)
            since, lines = (before[kind].since, before[kind].lines) if kind in before else (step, 0)
            self.known[kind] = PersistentWarning(since, lines + 1, warning)

    def longer_than(self, steps: int, now: int) -> PersistentWarning | None:
        """The oldest warning that has persisted for at least that many steps and LEAST_LINES lines."""
        old = [each for each in self.known.values() if now - each.since >= steps and each.lines >= LEAST_LINES]
        return min(old, key=lambda each: each.since, default=None)

    def state(self) -> dict[str, Any]:
        """For a checkpoint. Empty if no warning persists."""
        return {kind: [each.since, each.lines, each.last] for kind, each in self.known.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
        self.known = {
            kind: PersistentWarning(int(since), int(lines), str(last)) for kind, (since, lines, last) in state.items()
        }
