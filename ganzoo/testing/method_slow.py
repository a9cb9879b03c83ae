"""Checks of methods that take seconds to minutes, made where they are asked for (`--slow`)."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganzoo.capabilities import Generates, GeneratesLabelled, Predicts, Refines
from ganzoo.dataset import Domain
from ganzoo.method import Method
from ganzoo.phases import phase_runners
from ganzoo.testing import toy
from ganzoo.testing.checks import check, require, skip
from ganzoo.timeline import Timeline

STEPS = 3_000  # in which the toy domain must be learnt
ROUND = 50  # steps between two looks
COUNT = 256  # images of each toy domain
NEARER = 0.7  # what is left of the distance to the target when it counts as learnt


@check(
    Method,
    slow=True,
    why="A method can keep every rule of form and still learn nothing: a sign, a detach or a learning rate is enough.",
    mend="Print the loss terms with `ganzoo run`; look for a term without a gradient, a wrong sign, or a rate that is "
    "too small for a few thousand steps.",
)
def learns_the_toy_domain(cls: type[Method]) -> None:
    """Within 3,000 steps what it makes comes nearer to the target, or what it predicts nearer to the truth."""
    method = toy.build(cls)
    toy.phases(method)
    source, target = toy.domains(count=COUNT)
    held_out = dict(zip(("source", "target"), toy.domains(count=COUNT, seed=1), strict=True))
    looks = {name: look for name, look in LOOKS.items() if isinstance(method, look[0])}
    goals = {name: NEARER * _start(look, cls, held_out) for name, look in looks.items()}
    best = dict.fromkeys(looks, float("inf"))
    runners, timeline = phase_runners(method), Timeline(method, STEPS)
    loader = toy.loader(source, target, oracle=cls.oracle)
    try:
        draw = 0
        for step in range(STEPS):
            for phase in timeline.at(step).phases:
                runners[phase].set_progress(step / STEPS)
                runners[phase].update(loader.draw(draw, step / STEPS))
                draw += 1
            if (step + 1) % ROUND == 0:
                method.eval()
                for name, look in looks.items():
                    best[name] = min(best[name], look[1](method, held_out))
                method.train()
            if all(best[name] < goal for name, goal in goals.items()):
                return
    finally:
        loader.close()
    missed = [f"{name}: {best[name]:.3g} at best, {goals[name]:.3g} is learnt" for name in looks]
    require(False, f"after {STEPS} steps on toy images it has not learnt ({'; '.join(missed)})")


@check(
    Method,
    slow=True,
    why="A cluster kills without a warning; what a process alone remembers is then lost.",
    mend="Keep all state in parameters and buffers; let nothing depend on module globals, hash(), id() or the clock.",
)
def survives_a_kill(cls: type[Method]) -> None:
    """A process that is killed with -9, and another that goes on, end as one that never was, to the bit."""
    origin = _origin(cls)
    if origin is None:
        skip("its class cannot be imported by another process (it is made inside a function)")
    with tempfile.TemporaryDirectory() as folder:
        ends = []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        for name, kill_at in (("whole", 0), ("killed", toy.STEPS - 2), ("killed", 0)):
            place, end = Path(folder) / name, Path(folder) / f"{name}.safetensors"
            command = [sys.executable, "-m", "ganzoo.testing.killed", *origin, str(place), str(kill_at), str(end)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
            wanted = -signal.SIGKILL if kill_at else 0
            said = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
            require(done.returncode == wanted, f"a process that trains it ended with {done.returncode}: {said[0]}")
            if not kill_at:
                ends.append(load_file(end))
        changed = toy.differences(*ends)
        require(not changed, f"{', '.join(changed[:5])} differ after a kill")


def _moments(images: Tensor) -> np.ndarray:
    """Means over images in [-1, 1] of their brightness, their contrast, and their dark and bright ends."""
    pixels = images.float().flatten(1)
    return np.array([pixels.mean(), pixels.std(1).mean(), pixels.quantile(0.05, dim=1).mean(),
                     pixels.quantile(0.95, dim=1).mean()], np.float64)  # fmt: skip


def _tensor(domain: Domain) -> Tensor:
    return torch.from_numpy(np.asarray(domain.images)).float() / 127.5 - 1


def _gap(images: Tensor, target: Domain) -> float:
    return float(np.abs(_moments(images) - _moments(_tensor(target))).mean())


def _made(method: Method, held_out: dict[str, Domain], make: Callable[[Method, Domain], Tensor]) -> float:
    torch.manual_seed(0)
    with torch.no_grad():
        return _gap(make(method, held_out["source"]), held_out["target"])


def _refined(method: Method, held_out: dict[str, Domain]) -> float:
    return _made(method, held_out, lambda made, source: made.refine(_tensor(source)))  # type: ignore[operator]


def _generated(method: Method, held_out: dict[str, Domain]) -> float:
    return _made(method, held_out, lambda made, source: made.generate(COUNT))  # type: ignore[operator]


def _generated_labelled(method: Method, held_out: dict[str, Domain]) -> float:
    labels = torch.from_numpy(np.asarray(held_out["source"].labels))
    return _made(method, held_out, lambda made, source: made.generate_labelled(labels))  # type: ignore[operator]


def _predicted(method: Method, held_out: dict[str, Domain]) -> float:
    """The error on the domain that it has labels of, so that adaptation itself is not asked for."""
    domain = held_out["target" if method.oracle else "source"]
    with torch.no_grad():
        predictions = method.predict(_tensor(domain))  # type: ignore[operator]
    return float(method.spec.task.error(predictions, torch.from_numpy(np.asarray(domain.labels))).mean())


Look = tuple[type, Callable[[Method, dict[str, Domain]], float]]
LOOKS: dict[str, Look] = {
    "distance of refined images": (Refines, _refined),
    "distance of generated images": (Generates, _generated),
    "distance of labelled images": (GeneratesLabelled, _generated_labelled),
    "error of predictions": (Predicts, _predicted),
}


def _start(look: Look, cls: type[Method], held_out: dict[str, Domain]) -> float:
    """What must be beaten: the untrained method, and the source as it is or the mean label."""
    untrained = look[1](toy.build(cls).eval(), held_out)
    if look[0] is Predicts:
        labels = torch.from_numpy(np.asarray(held_out["source"].labels))
        return min(untrained, float(toy.SPEC.task.error(labels.mean(0).expand_as(labels), labels).mean()))
    return min(untrained, _gap(_tensor(held_out["source"]), held_out["target"])) if look[0] is Refines else untrained


def _origin(cls: type[Method]) -> tuple[str, str] | None:
    """The module or file of a class and its name there, for a process that imports it anew."""
    own = cls.__bases__[0] if "__configured__" in vars(cls) else cls
    module = sys.modules.get(own.__module__)
    if module is None or getattr(module, own.__qualname__, None) is not own:
        return None
    importable = not own.__module__.startswith("ganzoo_plugin_file_") and own.__module__ != "__main__"
    return (own.__module__ if importable else str(inspect.getsourcefile(own)), own.__qualname__)
