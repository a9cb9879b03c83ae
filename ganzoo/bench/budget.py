"""What every method of a suite may spend: images drawn, steps or seconds. How many steps of a method that buys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from ganzoo.errors import PluginError
from ganzoo.method import Method

Unit = Literal["images", "steps", "seconds"]
UNITS: tuple[Unit, ...] = get_args(Unit)
MOST_IDLE = 10_000  # steps without any phase, beyond those with one: a schedule that is mostly empty spends nothing


@dataclass(frozen=True)
class Budget:
    """So much of one unit."""

    unit: Unit
    amount: int

    def __str__(self) -> str:
        return f"{self.amount:,} {self.unit}"

    @classmethod
    def of(cls, given: Mapping[str, Any], prefix: str = "") -> Self | None:
        """The one that is given among keys named after the units; None where none is."""
        found = [cls(unit, given[prefix + unit]) for unit in UNITS if given.get(prefix + unit) is not None]
        return found[0] if found else None


def steps_for(method: Method, amount: float, cost: Callable[[Sequence[str]], float]) -> int:
    """The fewest steps that cost `amount`; 1 for a method that has nothing to train.

    `cost` says what a step of these phases costs.
    """
    if not method.phases():
        return 1
    spent = 0.0
    step = idle = 0
    while spent < amount:
        phases = method.schedule(step)
        spent += cost(phases) if phases else 0
        idle += not phases
        step += 1
        if idle > MOST_IDLE + step / 2:
            raise PluginError(f"{method.name} schedules no phase in most of its first {step:,} steps: no budget ends")
    return step


def images_drawn(phases: Sequence[str], batch_size: int) -> int:
    """Every update draws one batch of each domain, whatever it updates: a step of two phases draws two batches."""
    return len(phases) * batch_size
