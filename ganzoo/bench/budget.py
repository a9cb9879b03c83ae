"""Images drawn as the budget: how many steps of a method draw that many."""

from __future__ import annotations

from ganzoo.errors import PluginError
from ganzoo.method import Method


def steps_for(method: Method, images: int, batch_size: int) -> int:
    """The fewest steps that draw `images` of each domain; 1 for a method that has nothing to train.

    Every update draws one batch, whatever it updates, so a step of two phases draws two batches.
    """
    if not method.phases():
        return 1
    drawn = step = 0
    while drawn < images:
        drawn += len(method.schedule(step)) * batch_size
        step += 1
        if step > images:
            raise PluginError(f"{method.name} schedules no phase in most of its first {step:,} steps: no budget ends")
    return step
