"""Short runs on toy data, which check methods within milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Group, Method, Phase, Schedule, Stage
from ganzoo.settings import Settings
from ganzoo.testing import toy_data
from ganzoo.testing.checks import skip
from ganzoo.testing.toy_data import SPEC, domains, spec_for, specs_for
from ganzoo.training import loop
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.observer import TrainingObserver
from ganzoo.training.phases import PhaseRunner
from ganzoo.training.timeline import groups_of

__all__ = ["SPEC", "domains", "spec_for", "specs_for"]
STEPS = 8
FORESEEN = 20_000  # steps of a schedule that are examined
MOST_KINDS = 8  # of them
Kind = tuple[str | Group, ...]  # of a step: the result of a schedule


def is_oracle(cls: type[Method]) -> bool:
    return cls.is_oracle(cls.Config())


def batch(method: Method, size: int = 4) -> Batch:
    """A batch of the columns that the method reads, as the loop draws it; larger if the method needs a multiple."""
    multiple = method.batch_multiple(method.config)
    size = -(-size // multiple) * multiple
    oracle, reads = method.is_oracle(method.config), method.columns(method.config)
    drawing = toy_data.loader(method.spec, reads, oracle=oracle, batch_size=size)
    try:
        return drawing.draw(0, 0.5)
    finally:
        drawing.close()


def uneven(batch: Batch) -> Batch:
    """The same with less and less contrast along the batch, so that statistics of its parts differ clearly."""

    def weaker(samples: Tensor) -> Tensor:
        return samples * torch.linspace(1.0, 0.2, len(samples)).view(-1, *[1] * (samples.dim() - 1))

    columns = {name: weaker(v) if name in ("source", "target") else v for name, v in batch.columns.items()}
    return replace(batch, columns=columns)


def build(cls: type[Method], spec: DataSpec | None = None, seed: int = 0, config: Settings | None = None) -> Method:
    """The method as the loop builds it, for the toy data that it accepts."""
    spec = spec or spec_for(cls)
    return build_method(cls, config or cls.Config(), spec, seed=seed, device=torch.device("cpu")).train()


def phases(method: Method) -> Mapping[str, Phase]:
    """Its phases. A check of phases is skipped for a method that has none."""
    return method.phases() or skip("it has no phases")


def hurried(cls: type[Method], spec: DataSpec | None = None, seed: int = 0) -> Method:
    """The same, but with each kind of step of its stages in turn, so that a short run covers all of them."""
    method = build(cls, spec, seed)
    stages = [_hurried(stage) for stage in method.stages()]
    if kinds_of_step(method):
        method.__dict__["stages"] = lambda: stages
    return method


def _hurried(stage: Stage) -> Stage:
    """The stage, as long as any other, with a schedule that repeats the kinds of its steps."""
    kinds = _kinds(stage.schedule)
    return replace(stage, share=1.0, schedule=lambda step: kinds[step % len(kinds)] if kinds else ())


def kinds_of_step(method: Method) -> list[Kind]:
    """The distinct steps in the schedules of all stages, in order of appearance; at most eight per stage."""
    return [kind for stage in method.stages() for kind in _kinds(stage.schedule) if kind]


def _kinds(schedule: Callable[[int], Schedule]) -> list[Kind]:
    alike = getattr(schedule, "__func__", None) is Method.schedule  # all phases in every step
    seen: list[Schedule] = []
    for step in range(1 if alike else FORESEEN):
        if (steps := schedule(step)) not in seen:  # few kinds are compared faster than hashed
            seen.append(steps)
        if len(seen) == MOST_KINDS:
            break
    return list(dict.fromkeys(map(_hashable, seen)))


def _hashable(steps: Schedule) -> Kind:
    return tuple(entry if isinstance(entry, str) else tuple(entry) for entry in steps)


class Situation(NamedTuple):
    """A phase, and the earlier ones of its step that hand on what it takes."""

    phase: str
    givers: tuple[str, ...]


def situations(method: Method) -> list[Situation]:
    """Every phase with all that its schedule may have handed on before it, in the order of `phases()`.

    A check of phases is skipped for a method that has none.
    """
    known = phases(method)
    found: dict[Situation, None] = {}
    for kind in kinds_of_step(method):
        names = [name for group in groups_of(kind) for name in group if name in known]
        for at, name in enumerate(names):
            takes = {*known[name].takes}
            givers = tuple(dict.fromkeys(each for each in names[:at] if takes & {*known[each].hands_on}))
            found[Situation(name, givers)] = None
    found |= {Situation(name, ()): None for name in known if not any(name == each.phase for each in found)}
    return sorted(found, key=lambda situation: list(known).index(situation.phase))


def given(method: Method, situation: Situation, plain: Batch | None = None) -> Batch:
    """A batch for a phase, with what the losses of the earlier phases of its step hand on for the same rows."""
    known, carried = method.phases(), dict[str, Tensor]()
    plain = batch(method) if plain is None else plain
    for name in situation.givers:
        own = plain.with_carried({key: carried[key] for key in known[name].takes if key in carried})
        method.requires_grad_(True)
        known[name].loss(own)
        method.requires_grad_(False)
        carried.update(own.handed_on)
    takes = known[situation.phase].takes
    return plain.with_carried({key: carried[key] for key in takes if key in carried})


def update(runner: PhaseRunner, batch: Batch) -> dict[str, Tensor]:
    """One update with all that the batch carries."""
    return runner.update(batch, dict(batch.carried))


def rounds(method: Method) -> list[list[Group]]:
    """Steps of the schedule that together run every phase, each at most once in a step."""
    met: set[str] = set()
    steps = []
    for kind in kinds_of_step(method):
        once: set[str] = set()
        step = [tuple(name for name in group if name not in once and not once.add(name)) for group in groups_of(kind)]  # type: ignore[func-returns-value]
        if not once <= met:
            steps.append([group for group in step if group])
            met |= once
    return steps + [[(name,)] for name in method.phases() if name not in met]


def train(
    method: Method, run_dir: Path | None = None, *, stop_at: int = 0, **settings: object
) -> list[Mapping[str, float]]:
    """Train for STEPS steps in float32; the logged means. `stop_at` ends it there, like a kill after a save."""
    observer = _Log(stop_at)
    given = {"steps": STEPS, "batch_size": 4, "log_every": 1, "precision": "fp32", "device": "cpu", **settings}
    source, target = domains(method.spec)
    config = TrainConfig.model_validate(given)
    with suppress(Stopped):
        loop.train(method, source, target, config, run_dir, observer, paired=method.spec.paired)
    return observer.logs


def finish(method: Method) -> None:
    """The closed-form step, with the data that the loop would pass."""
    source, target = domains(method.spec)
    visible = target if target is None or method.is_oracle(method.config) else target.unlabelled()
    method.finish(source, visible)


def trained(cls: type[Method], spec: DataSpec | None = None) -> Method:
    """The method after a short run, closed form included, ready to be used.

    On its first toy data it is trained once for all checks, each of which has a copy.
    """
    if spec is None or spec == spec_for(cls):
        return deepcopy(_trained_once(cls))
    return freshly_trained(cls, spec)


def freshly_trained(cls: type[Method], spec: DataSpec | None = None) -> Method:
    """The same, trained now."""
    method = hurried(cls, spec)
    train(method)
    return method.eval()


@lru_cache(maxsize=4)
def _trained_once(cls: type[Method]) -> Method:
    return freshly_trained(cls)


def state(method: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of the state dict."""
    return {name: tensor.detach().clone() for name, tensor in method.state_dict().items()}


def differences(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> list[str]:
    """The names whose bits differ, or that only one of the two has."""
    return sorted(name for name in {*a, *b} if name not in a or name not in b or not _same(a[name], b[name]))


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


class Stopped(Exception):  # noqa: N818 (not an error: the run should end)
    """Raised by an observer to end a run."""


class _Log(TrainingObserver):
    def __init__(self, stop_at: int) -> None:
        self.logs: list[Mapping[str, float]] = []
        self.stop_at = stop_at

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        self.logs.append(dict(means))

    def saving(self, step: int) -> None:
        if step == self.stop_at:
            raise Stopped
