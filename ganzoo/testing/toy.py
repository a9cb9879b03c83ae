"""Tiny data and short runs on which methods are checked, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo import loop
from ganzoo.batch import Batch, DataSpec, image_spec
from ganzoo.dataset import Domain
from ganzoo.loader import Loader
from ganzoo.loop import Observer, TrainConfig
from ganzoo.method import Group, Method, Phase
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask
from ganzoo.testing.checks import skip

SPEC = image_spec(channels=1, height=16, width=24, task=GazeTask())
STEPS = 8
FORESEEN = 20_000  # steps of a schedule that are looked at


def domains(spec: DataSpec = SPEC, count: int = 24, seed: int = 0) -> tuple[Domain, Domain]:
    """Dark discs whose place is the label: on bright ground in the source, on dimmer and noisier ground in the target.

    Both are labelled; the target must reach nobody but an oracle with its labels.
    """
    random = np.random.default_rng(seed)
    return (_discs("toy source", spec, count, random, 200, 5), _discs("toy target", spec, count, random, 130, 20))


def loader(source: Domain, target: Domain, *, oracle: bool = False) -> Loader:
    """Draws from these domains as the loop does it; close it after use."""
    visible = target if oracle else target.unlabelled()
    return Loader(source, visible, reads=columns(oracle), batch_size=16, seed=0, oracle=oracle)


def batch(spec: DataSpec = SPEC, size: int = 4, *, oracle: bool = False) -> Batch:
    """A batch as the loop draws it."""
    drawing = Loader(*domains(spec), reads=columns(oracle), batch_size=size, seed=0, oracle=oracle)
    try:
        return drawing.draw(0, 0.5)
    finally:
        drawing.close()


def columns(oracle: bool) -> tuple[str, ...]:
    return ("source", "source_label", "target", *(("target_label",) if oracle else ()))


def uneven(images: Tensor) -> Tensor:
    """The same with less and less contrast along the batch, so that statistics of its parts differ clearly."""
    return images * torch.linspace(1.0, 0.2, len(images))[:, None, None, None]


def build(cls: type[Method], spec: DataSpec = SPEC, seed: int = 0, config: Settings | None = None) -> Method:
    """The method as the loop builds it."""
    return loop.build(cls, config or cls.Config(), spec, seed=seed, device=torch.device("cpu")).train()


def phases(method: Method) -> Mapping[str, Phase]:
    """Its phases. A check of phases is skipped for a method that has none: it would look at nothing."""
    return method.phases() or skip("it has no phases")


def hurried(cls: type[Method], spec: DataSpec = SPEC, seed: int = 0) -> Method:
    """The same, but it meets each kind of step of its schedule in turn, so that a short run sees all of them."""
    method = build(cls, spec, seed)
    kinds = kinds_of_step(method)
    if kinds:
        method.__dict__["schedule"] = lambda step: kinds[step % len(kinds)]
    return method


def kinds_of_step(method: Method) -> list[tuple[str | Group, ...]]:
    """The different steps that the schedule holds, in order of appearance; at most eight."""
    return list(dict.fromkeys(tuple(method.schedule(step)) for step in range(FORESEEN)))[:8]


def train(
    method: Method, run_dir: Path | None = None, *, stop_at: int = 0, **settings: object
) -> list[Mapping[str, float]]:
    """Train for STEPS steps in float32; the logged means. `stop_at` ends it there, as a kill after a save would."""
    observer = _Log(stop_at)
    given = {"steps": STEPS, "batch_size": 4, "log_every": 1, "precision": "fp32", "device": "cpu", **settings}
    with suppress(_Stopped):
        loop.train(method, *domains(method.spec), TrainConfig.model_validate(given), run_dir, observer)
    return observer.logs


def trained(cls: type[Method], spec: DataSpec = SPEC, seed: int = 0) -> Method:
    """The method after a short run, closed form included, ready to be used."""
    method = hurried(cls, spec, seed)
    train(method)
    return method.eval()


def state(method: Method) -> dict[str, Tensor]:
    """A copy of the state dict."""
    return {name: tensor.detach().clone() for name, tensor in method.state_dict().items()}


def differences(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> list[str]:
    """The names whose bits differ, or that only one of both has."""
    return sorted(name for name in {*a, *b} if name not in a or name not in b or not _same(a[name], b[name]))


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


class _Stopped(Exception):  # noqa: N818 (no error: the run is meant to end)
    pass


class _Log(Observer):
    def __init__(self, stop_at: int) -> None:
        self.logs: list[Mapping[str, float]] = []
        self.stop_at = stop_at

    def logged(self, step: int, means: Mapping[str, float], warnings: Sequence[str]) -> None:
        self.logs.append(dict(means))

    def saved(self, step: int) -> None:
        if step == self.stop_at:
            raise _Stopped


def _discs(name: str, spec: DataSpec, count: int, random: np.random.Generator, ground: int, noise: int) -> Domain:
    labels, right, down = _places(spec, count, random)
    y, x = np.mgrid[: spec.height, : spec.width]
    center_x, center_y = spec.width * (0.5 + right / 4), spec.height * (0.5 + down / 4)
    away = (x - center_x[:, None, None]) ** 2 + (y - center_y[:, None, None]) ** 2
    clean = np.where(away < (spec.height / 4) ** 2, 40, ground)[:, None]
    images = clean + random.normal(0, noise, (count, *spec.image_shape))
    return Domain(name, images.clip(0, 255).astype(np.uint8), labels)


def _places(spec: DataSpec, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels [count, label_size], and where they put the disc, each from -1 to 1."""
    if isinstance(spec.task, ClassTask):
        classes = random.integers(spec.task.classes, size=count)
        angle = 2 * np.pi * classes / spec.task.classes
        return classes[:, None].astype(np.float32), np.cos(angle), np.sin(angle)
    gaze = random.uniform(-0.3, 0.3, (count, spec.task.label_size)).astype(np.float32)
    return gaze, -gaze[:, -1] / 0.3, -gaze[:, 0] / 0.3
