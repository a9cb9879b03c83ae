"""The budget of every method of a suite, in images drawn, steps or seconds, and the steps that it pays for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from ganzoo.errors import PluginError
from ganzoo.method import Group, Method
from ganzoo.training.timeline import Timeline

Unit = Literal["images", "steps", "seconds"]
UNITS: tuple[Unit, ...] = get_args(Unit)
MOST_IDLE = 10_000  # steps without a phase, beyond those with one: a mostly empty schedule never spends its budget


@dataclass(frozen=True)
class Budget:
    """An amount of one unit."""

    unit: Unit
    amount: int

    def __str__(self) -> str:
        return f"{self.amount:,} {self.unit}"

    @classmethod
    def of(cls, given: Mapping[str, Any], prefix: str = "") -> Self | None:
        """The budget among keys that are named after the units; None if no budget is given."""
        found = [cls(unit, given[prefix + unit]) for unit in UNITS if given.get(prefix + unit) is not None]
        return found[0] if found else None


def steps_for(method: Method, amount: float, cost: Callable[[Sequence[Group]], float]) -> int:
    """The smallest number of steps that costs `amount`; 0 for a method that has nothing to train.

    `cost` returns the cost of a step with these phases. Phases in a group share one batch.
    """
    if not method.phases():
        return 0
    fewest = enough = len(method.stages())
    while _spent(method, enough, cost) < amount:
        if _idle(method, enough) > MOST_IDLE + enough / 2:
            raise PluginError(
                f"{method.name} schedules no phase in most of its first {enough:,} steps, so a budget never ends; "
                "return at least one phase for most steps"
            )
        enough *= 2
    short = enough // 2 if enough > fewest else enough - 1
    while enough - short > 1:  # a longer training never costs less
        middle = (short + enough) // 2
        if _spent(method, middle, cost) < amount:
            short = middle
        else:
            enough = middle
    return enough


def images_drawn(groups: Sequence[Group], batch_size: int) -> int:
    """Every group of phases draws one batch of the data that the method reads."""
    return len(groups) * batch_size


def _spent(method: Method, steps: int, cost: Callable[[Sequence[Group]], float]) -> float:
    """The cost of a training of `steps` steps."""
    timeline = Timeline(method, steps)
    return sum(cost(groups) for groups in (timeline.at(step).groups for step in range(steps)) if groups)


def _idle(method: Method, steps: int) -> int:
    """The number of steps of a training in which no phase runs."""
    timeline = Timeline(method, steps)
    return sum(not timeline.at(step).groups for step in range(steps))
