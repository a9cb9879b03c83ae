"""Errors that end a training before its last step. Each says what is kept and what to try."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from ganzoo.errors import CollapseError, DivergenceError, NotEnoughMemoryError
from ganzoo.method import Method
from ganzoo.system import dist, out_of_memory
from ganzoo.training import checkpoint
from ganzoo.training.persistent_warnings import PersistentWarnings


def check_finite(
    method: Method, means: Mapping[str, float], step: int, run_dir: Path | None, *, weights: bool, precision: str
) -> None:
    """Raise DivergenceError if a mean ("phase/term") or, if asked for, a weight is not finite."""
    broken = sorted(key for key, value in means.items() if not math.isfinite(value))
    if not broken and weights:
        broken = [name for name, p in method.named_parameters() if not bool(torch.isfinite(p).all())]
    if broken:
        lr = getattr(method.config, "lr", None)
        advice = ["a smaller learning rate" if lr is None else f"--lr below {lr:g}"]
        advice += [] if precision == "fp32" else ["--precision fp32"]
        raise DivergenceError(
            f"{method.name} diverged: {', '.join(broken[:5])} not finite by step {step}; that step was not saved, "
            f"{_last_good(run_dir)}. Try {', or '.join(advice)}"
        )


def check_persistent(method: Method, standing: PersistentWarnings, steps: int, step: int, run_dir: Path | None) -> None:
    """Raise CollapseError if a warning has persisted for `steps` steps."""
    found = standing.longer_than(steps, step)
    if found is not None:
        raise CollapseError(
            f"{method.name} was stopped at step {step} by --stop-on-collapse, because each of the {found.lines} lines "
            f"of the log since step {found.since} has this warning: {found.last.rstrip('.')}. Step {step} was not "
            f"saved, {_last_good(run_dir, before=found.since)}; run the same command without --stop-on-collapse to "
            "resume"
        )


def not_enough_memory(
    method: Method,
    where: str,
    *,
    batch_size: int,
    micro_batch: int,
    try_micro_batch: Callable[[int], object],
    try_batch_size: Callable[[int], object],
) -> NotEnoughMemoryError:
    """The error for a lack of memory in `where`, with a size that fits, found by trial.

    The trials train with other sizes, so the method cannot be used afterwards.
    """
    images = f"with batches of {batch_size} images" + (f" in micro-batches of {micro_batch}" if micro_batch else "")
    sentence = f"{method.name} ran out of memory in {where}, {images}"
    if dist.world() > 1:  # the others wait inside the step: a trial would wait for them
        half = max(1, (micro_batch or batch_size) // 2)
        flag = "--batch-size" if method.couples_batch else "--micro-batch"
        return NotEnoughMemoryError(f"{sentence}; try {flag} {half}")
    if not method.couples_batch:
        fits = out_of_memory.largest_that_fits(try_micro_batch, (micro_batch or batch_size) // 2)
        if fits:
            return NotEnoughMemoryError(f"{sentence}; --micro-batch {fits} was tried and fits, with the same result")
    fits = out_of_memory.largest_that_fits(try_batch_size, batch_size // 2)
    if fits:
        return NotEnoughMemoryError(f"{sentence}; --batch-size {fits} was tried and fits")
    return NotEnoughMemoryError(f"{sentence}; no smaller batch fits; use a smaller network")


def to_keep(standing: PersistentWarnings, run_dir: Path) -> set[int]:
    """The steps of the last checkpoint before each persistent warning: those to return to."""
    saved = checkpoint.steps(run_dir)
    before = [[step for step in saved if step < each.since] for each in standing.known.values()]
    return {max(steps) for steps in before if steps}


def _last_good(run_dir: Path | None, before: int | None = None) -> str:
    """The newest checkpoint, or the newest before a step, in words."""
    saved = [step for step in checkpoint.steps(run_dir) if before is None or step < before] if run_dir else []
    if run_dir is None or not saved:
        return "and there is no earlier checkpoint"
    path = checkpoint.folder(run_dir) / f"step-{saved[-1]:08d}"
    return f"and the last good checkpoint is that of step {saved[-1]} ({path})"
