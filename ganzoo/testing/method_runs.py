"""Properties of whole runs: repeatable, resumable, in every precision."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch

from ganzoo.method import Method
from ganzoo.testing import toy
from ganzoo.testing.checks import check, require
from ganzoo.training.phases import phase_runners


@check(
    Method,
    why="A result that cannot be repeated can be neither trusted nor debugged.",
    fix="Draw noise from torch's default generator alone, and iterate over no unordered collection, such as a set.",
)
def same_seed_same_bits(cls: type[Method]) -> None:
    """Two runs with one seed end with bit-identical weights and buffers."""
    one, other = toy.hurried(cls), toy.hurried(cls)
    toy.train(one), toy.train(other)
    changed = toy.differences(toy.state(one), toy.state(other))
    require(not changed, f"{', '.join(changed[:5])} differ between two runs with one seed")


@check(
    Method,
    why="Runs are killed; one that continues differently afterwards is another experiment.",
    fix="Keep all state in parameters and buffers, and let schedules depend on the step or batch.progress alone.",
)
def resumes_bit_exact(cls: type[Method]) -> None:
    """A run that is killed and resumed ends bit by bit like an uninterrupted one."""
    whole = toy.hurried(cls)
    logs = toy.train(whole)
    with tempfile.TemporaryDirectory() as folder:
        toy.train(toy.hurried(cls), Path(folder), save_every=5, stop_at=5)
        resumed = toy.hurried(cls, seed=1)  # its initial weights must not matter
        later = toy.train(resumed, Path(folder), save_every=5)
    require(later == logs[5:], "the terms that a resumed run logs differ from those of an uninterrupted run")
    changed = toy.differences(toy.state(whole), toy.state(resumed))
    require(not changed, f"{', '.join(changed[:5])} differ in a resumed run")


@check(
    Method,
    why="Evaluation may run again on a finished run, and users may call it twice.",
    fix="Let `finish` compute its buffers from the two domains alone, not from their previous values.",
)
def finish_can_be_repeated(cls: type[Method]) -> None:
    """The closed-form step after training gives the same buffers when it is repeated, and needs no target labels."""
    method = toy.trained(cls)
    before = toy.state(method)
    toy.finish(method)
    changed = toy.differences(before, toy.state(method))
    require(not changed, f"finish changes {', '.join(changed[:5])} when it is repeated")


@check(
    Method,
    why="On hardware that multiplies it natively, bfloat16 is the default.",
    fix="Call .float() before a logarithm, an exponential, a norm or a small difference, and use ganzoo.nn's losses.",
)
def bf16_stays_finite(cls: type[Method]) -> None:
    """Every term and weight stays finite under bfloat16 autocast."""
    method = toy.hurried(cls)
    runners = phase_runners(method, precision="bf16")
    for situation in toy.situations(method):
        for _ in range(3):
            terms = toy.update(runners[situation.phase], toy.given(method, situation))
            broken = [term for term, value in terms.items() if not torch.isfinite(value)]
            require(not broken, f"{situation.phase}/{', '.join(broken)} is not finite in bfloat16")
    broken = [name for name, parameter in method.named_parameters() if not torch.isfinite(parameter).all()]
    require(not broken, f"{', '.join(broken[:5])} is not finite after updates in bfloat16")


@check(
    Method,
    why="diagnose is called at every line of the log, with the terms of the steps since the last one.",
    fix="Read the means with .get, and return whole sentences.",
)
def diagnose_is_pure(cls: type[Method]) -> None:
    """Warnings are sentences that depend on the logged means alone, also if a mean is absent or huge."""
    method = toy.hurried(cls)
    logs = toy.train(method)
    means = {name: value for line in logs for name, value in line.items()}
    state = toy.state(method)
    cases = [{}, means, *({name: means[name]} for name in means)]
    cases += [dict.fromkeys(means, extreme) for extreme in (0.0, 1.0, 1e9, -1e9)]
    for case in cases:
        first, again = list(method.diagnose(case)), list(method.diagnose(case))
        require(first == again, "the same means give other warnings when called again")
        for warning in first:
            sentence = isinstance(warning, str) and warning[:1].isupper() and warning.endswith(".")
            require(sentence, f"the warning {warning!r} is not a sentence")
    require(not toy.differences(state, toy.state(method)), "diagnose changes the method")
    require(all(math.isfinite(value) for value in means.values()), "a logged mean is not finite")
