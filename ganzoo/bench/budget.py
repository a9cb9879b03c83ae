"""Images drawn as the budget: how many steps of a method draw that many."""

from __future__ import annotations

from ganzoo.errors import PluginError
from ganzoo.method import Method
from ganzoo.timeline import Timeline


def steps_for(method: Method, images: int, batch_size: int) -> int:
    """The fewest steps that draw `images` rows of what the method reads; 0 for a method that has nothing to train.

    Phases that share a batch draw it once, so a step of two phases draws two batches or one.
    """
    if not method.phases():
        return 0
    enough = len(method.stages())
    while _drawn(method, enough) * batch_size < images:
        if enough > images:
            raise PluginError(f"{method.name} schedules no phase in most of its first {enough:,} steps: no budget ends")
        enough *= 2
    short = enough // 2 if enough > len(method.stages()) else enough - 1
    while enough - short > 1:  # a longer training draws no less
        middle = (short + enough) // 2
        if _drawn(method, middle) * batch_size < images:
            short = middle
        else:
            enough = middle
    return enough


def _drawn(method: Method, steps: int) -> int:
    """Batches of a whole training."""
    return Timeline(method, steps).draws_before(steps)
