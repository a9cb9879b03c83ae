"""Chooses one of several finished runs by a criterion, and says what is known about that criterion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError, GanzooError
from ganzoo.selection.gates import Health, set_aside
from ganzoo.selection.judging import LEAST
from ganzoo.selection.readings import Entry


class NoChoiceError(GanzooError):
    """Too few runs can be compared. The message is the reason."""


@dataclass(frozen=True)
class Option:
    """A run that may be chosen."""

    name: str
    shown: str  # such as "dann, seed 3"
    health: Health
    entry: Entry | None  # of the criterion; None if it does not apply to the task


@dataclass(frozen=True)
class Choice:
    """The options in the order of the criterion, the chosen one first."""

    criterion: str
    better: str
    ordered: list[Option]
    aside: dict[str, str]  # shown -> reason


def choose(options: Mapping[str, Option], criterion: str, task: str) -> Choice:
    """Raises NoChoiceError if fewer than three runs can be compared, ConfigError if the criterion does not apply."""
    better = registry().get("criteria", criterion).better
    if options and all(option.entry is None for option in options.values()):
        raise ConfigError(f"the criterion {criterion} is not for the task {task}; choose another with --by")
    gated = set_aside({name: option.health for name, option in options.items()})
    aside = {options[name].shown: reason for name, reason in gated.items()}
    left = []
    for name, option in options.items():
        if name in gated:
            continue
        if option.entry is None or option.entry.value is None:
            aside[option.shown] = option.entry.reason if option.entry else f"{criterion} does not apply"
        else:
            left.append(option)
    if len(left) < LEAST:
        why = "".join(f"; {shown}: {reason}" for shown, reason in list(aside.items())[:LEAST])
        raise NoChoiceError(
            f"no choice: {len(left)} of {len(options)} runs can be compared by {criterion}, and {LEAST} are needed for "
            f"an order to mean anything{why}"
        )
    sign = -1 if better == "higher" else 1

    def place(option: Option) -> tuple[float, str]:
        assert option.entry is not None
        assert option.entry.value is not None
        return sign * option.entry.value, option.name

    return Choice(criterion, better, sorted(left, key=place), aside)
