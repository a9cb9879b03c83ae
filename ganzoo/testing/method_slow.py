"""Checks of methods that take seconds to minutes, run only with `--slow`."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from safetensors.torch import load_file

from ganzoo.method import Method
from ganzoo.testing import toy, toy_data
from ganzoo.testing.checks import check, require, skip
from ganzoo.testing.configured import original, settings_of
from ganzoo.testing.method_outputs import able, inputs_for, quietly
from ganzoo.training import loop
from ganzoo.training.config import TrainConfig
from ganzoo.training.observer import TrainingObserver

STEPS = 3_000  # within which the toy domain must be learned
ROUND = 50  # steps between two measurements
COUNT = 256  # samples of each toy domain
NEARER = 0.7  # share of the distance to the target at which it counts as learned


@check(
    Method,
    slow=True,
    once=True,  # a preset may deliberately not learn, or need days
    why="A method can pass all other checks and still learn nothing: a wrong sign, detach or learning rate is enough.",
    fix="Print the loss terms with `ganzoo run`; look for a term without a gradient, a wrong sign, or a rate that is "
    "too small for a few thousand steps.",
)
def learns_the_toy_domain(cls: type[Method]) -> None:
    """Within 3,000 steps its samples come closer to the target, or its predictions closer to the truth."""
    method = toy.build(cls)
    toy.phases(method)
    source, target = toy.domains(method.spec, count=COUNT)
    looks = _Looks(method)
    config = TrainConfig(steps=STEPS, batch_size=16, precision="fp32", device="cpu")
    with suppress(toy.Stopped):
        loop.train(method, source, target, config, None, looks, paired=method.spec.paired)
    if looks.learnt():
        return
    missed = [
        f"{name}: {looks.best[name]:.3g} at best, {goal:.3g} counts as learned" for name, goal in looks.goals.items()
    ]
    require(False, f"after {STEPS} steps on toy data it has not learned ({'; '.join(missed)})")


class _Looks(TrainingObserver):
    """Measures every capability of a method every few steps, and ends the run when all are learned."""

    def __init__(self, method: Method) -> None:
        self.method = method
        self.truth = toy_data.columns_of(*toy.domains(method.spec, count=COUNT, seed=1))
        self.able = able(method)
        start = {name: self._distance(name) for name in self.able}
        self.goals = {
            name: NEARER * min(start[name], capability.baseline(method, self.truth))
            for name, capability in self.able.items()
        }
        self.best = dict.fromkeys(self.able, float("inf"))

    def stepped(self, step: int, phases: Sequence[str], batches: int) -> None:
        if step % ROUND:
            return
        self.best = {name: min(best, self._distance(name)) for name, best in self.best.items()}
        if self.learnt():
            raise toy.Stopped

    def learnt(self) -> bool:
        return all(self.best[name] < goal for name, goal in self.goals.items())

    def _distance(self, name: str) -> float:
        """The distance of the method from the capability's goal on held-out data."""
        capability = self.able[name]
        self.method.eval()
        labelled = "target" if self.method.is_oracle(self.method.config) else "source"
        side = labelled if capability.makes == "labels" else ""  # so that adaptation itself is not required
        inputs = inputs_for(capability, self.method, COUNT, self.truth, side)
        distance = capability.goal(self.method, self.truth, quietly(capability, self.method, inputs, COUNT))
        self.method.train()
        return distance


@check(
    Method,
    slow=True,
    why="A cluster kills processes without a warning; all state outside of checkpoints is then lost.",
    fix="Keep all state in parameters and buffers; let nothing depend on module globals, hash(), id() or the clock.",
)
def survives_a_kill(cls: type[Method]) -> None:
    """A run that is killed with -9 and then resumed ends bit by bit like an uninterrupted one."""
    origin = _origin(cls)
    if origin is None:
        skip("its class cannot be imported by another process (it is defined inside a function)")
    settings = json.dumps(settings_of(cls), default=str)
    with tempfile.TemporaryDirectory() as folder:
        ends = []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        for name, kill_at in (("whole", 0), ("killed", toy.STEPS - 2), ("killed", 0)):
            place, end = Path(folder) / name, Path(folder) / f"{name}.safetensors"
            command = [
                sys.executable,
                "-m",
                "ganzoo.testing.killed",
                *origin,
                settings,
                str(place),
                str(kill_at),
                str(end),
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
            wanted = -signal.SIGKILL if kill_at else 0
            said = done.stderr.strip().splitlines()[-1:] or ["no output"]
            require(done.returncode == wanted, f"a process that trains it ended with {done.returncode}: {said[0]}")
            if not kill_at:
                ends.append(load_file(end))
        changed = toy.differences(*ends)
        require(not changed, f"{', '.join(changed[:5])} differ after a kill")


def _origin(cls: type[Method]) -> tuple[str, str] | None:
    """The module or file of a class and its name there, for a process that imports it again."""
    own = original(cls)
    module = sys.modules.get(own.__module__)
    if module is None or getattr(module, own.__qualname__, None) is not own:
        return None
    importable = not own.__module__.startswith("ganzoo_plugin_file_") and own.__module__ != "__main__"
    return (own.__module__ if importable else str(inspect.getsourcefile(own)), own.__qualname__)
