"""Toy data of the form that a method reads: discs in images, or points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
import torch
from torch import Tensor

from ganzoo.batch import Column, DataSpec, image_spec
from ganzoo.capabilities.base import Argument
from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError, DatasetError
from ganzoo.evaluation.evaluate import to_device
from ganzoo.method import Method
from ganzoo.runs.suitability import reason_to_decline
from ganzoo.task import ClassTask, GazeTask, NoTask, RegressionTask, Task
from ganzoo.testing.checks import skip
from ganzoo.training.build import build_method
from ganzoo.training.loader import Loader

SPEC = image_spec(channels=1, height=16, width=24, task=GazeTask())
SIZES = ((16, 24), (32, 48), (64, 96))  # of images; a method that needs larger ones is checked on those
POINTS = (2, 8)  # numbers of a vector
TASKS: tuple[Task, ...] = (GazeTask(), ClassTask(3), RegressionTask(3, "px"), NoTask())
GROUPS = 4  # persons


def spec_for(cls: type[Method]) -> DataSpec:
    """The first toy data that the method accepts with its default settings. Skips the check if there are none."""
    return specs_for(cls)[0]


@lru_cache(maxsize=256)
def specs_for(cls: type[Method]) -> tuple[DataSpec, ...]:
    """The toy data on which a method is checked: the first that it accepts; colour images with classes; images of an
    odd size with a regression task; and a further kind of samples, if it accepts them."""
    first = next((spec for spec in _candidates(cls) if not refusal(cls, spec)), None)
    if first is None:
        skip(f"it accepts none of the kit's toy data; on the first, {refusal(cls, next(_candidates(cls)))}")
    others = [spec for spec in _variants(cls, first) if not refusal(cls, spec)]
    return first, *others


def refusal(cls: type[Method], spec: DataSpec) -> str:
    """Why a method cannot be built for such data, in its own words; empty if it can."""
    config = cls.Config()
    reason = reason_to_decline(cls, config, spec)
    if reason:
        return reason
    try:
        build_method(cls, config, spec, seed=0, device=torch.device("cpu"))
    except (ConfigError, DatasetError) as error:
        return str(error)
    except Exception:  # its checks will report it
        return ""
    return ""


def bare_spec(cls: type[Method], spec: DataSpec) -> DataSpec:
    """The same data with only the columns that the method reads, and no task if it reads no labels."""
    columns = {name: spec.columns[name] for name in cls.columns(cls.Config())} or dict(spec.columns)
    labelled = any(name.endswith("_label") for name in columns)
    bare = DataSpec(columns, spec.task if labelled else NoTask(), spec.paired)
    return bare if not refusal(cls, bare) else DataSpec(columns, spec.task, spec.paired)


def image_like(spec: DataSpec, channels: int, height: int, width: int, task: Task) -> DataSpec:
    """The same columns for other images and another task."""
    old = {spec.columns[side].shape for side in ("source", "target") if side in spec.columns}
    columns = {}
    for name, column in spec.columns.items():
        if column.shape in old and column.kind == "image":
            columns[name] = Column((channels, height, width))
        elif column.kind == "mask":
            columns[name] = Column((1, height, width), "mask")
        else:
            columns[name] = column
    return DataSpec(_labelled(columns, task), task, spec.paired)


def with_task(spec: DataSpec, task: Task) -> DataSpec:
    """The same data with labels of another task."""
    return DataSpec(_labelled(spec.columns, task), task, spec.paired)


def with_columns(sample: Column, task: Task, arguments: Sequence[Argument]) -> DataSpec:
    """Two domains of such samples, with the columns of a capability's arguments besides labels and codes."""
    columns = {"source": sample, "target": sample}
    for argument in arguments:
        if argument.column not in ("", "label", "code"):
            columns[f"{argument.side}_{argument.column}"] = _made_up(argument.column, sample, "vector")
    return DataSpec(_labelled(columns, task), task)


def _candidates(cls: type[Method]) -> Iterator[DataSpec]:
    """Toy data of the kinds and with the columns that a method reads, from the simplest to the most unusual."""
    own = [task for task in TASKS if not cls.tasks or isinstance(task, cls.tasks)] or list(TASKS)
    shapes: list[tuple[Column, Column]] = []
    for kind in cls.kinds:
        if kind == "vector":
            shapes += [(Column((size,), "vector"),) * 2 for size in POINTS]
        else:
            images = [Column((1, *size), "image") for size in SIZES]
            shapes += [(image, image) for image in images] + [(images[0], images[1]), (images[1], images[0])]
    for (source, target), task, extra in product(shapes, own, ("vector", "long vector", "image")):
        columns = {"source": source, "target": target}
        for name in cls.columns(cls.Config()):
            if name not in columns and not name.endswith("_label"):
                columns[name] = _made_up(name, source if name.startswith("source") else target, extra)
        yield DataSpec(_labelled(columns, task), task, cls.paired)


def _variants(cls: type[Method], first: DataSpec) -> Iterator[DataSpec]:
    for kind in cls.kinds:
        if kind != first.sample.kind:
            yield from (spec for spec in _candidates(cls) if spec.sample.kind == kind and spec.task == first.task)
            return
    if first.sample.kind == "image" and first.columns["source"] == first.columns["target"]:
        _, height, width = first.image_shape
        for channels, up, task in ((3, 0, ClassTask(3)), (1, 5, RegressionTask(3, "px"))):
            fits = task if not cls.tasks or isinstance(task, cls.tasks) else first.task
            yield image_like(first, channels, height + up, width + (3 if up else 0), fits)


def _labelled(columns: Mapping[str, Column], task: Task) -> dict[str, Column]:
    """The columns with the labels of a task, and of no other."""
    labels = {f"{side}_label": Column((task.label_size,), "vector") for side in ("source", "target")}
    plain = {name: column for name, column in columns.items() if name not in labels}
    return plain if isinstance(task, NoTask) else {**plain, **labels}


def _made_up(name: str, sample: Column, extra: str) -> Column:
    """The form of a further column: its name can tell masks and persons; all else is a guess."""
    if name.endswith("_group"):
        return Column((1,), "vector")
    if "mask" in name and sample.kind == "image":
        return Column((1, *sample.shape[1:]), "mask")
    if extra == "image" and sample.kind == "image":
        return sample
    return Column((10 if extra == "long vector" else 2,), "vector")


def domains(spec: DataSpec = SPEC, count: int = 24, seed: int = 0) -> tuple[Domain, Domain]:
    """Dark discs whose place is the label: on bright ground in the source, on dimmer and noisier ground in the target.

    For vectors, the first numbers are the place. Both are labelled, if there is a task; only an oracle may receive the
    target's labels. Further columns of `spec` are made up, and observed. A domain that `spec` does not have is None.
    """
    random = np.random.default_rng(seed)
    places = _places(spec.task, count, random)
    made: list[Domain | None] = []
    for side, ground, noise in (("source", 200, 5), ("target", 130, 20)):
        if made and not spec.paired:
            places = _places(spec.task, count, random)
        made.append(_domain(spec, side, places, random, ground, noise) if side in spec.columns else None)
    return made[0], made[1]  # type: ignore[return-value]  # the caller knows what its spec has


def columns_of(source: Domain | None, target: Domain | None) -> dict[str, Tensor]:
    """All columns of two domains by name, as a method receives them."""
    return {
        f"{side}_{name}" if name else side: to_device(np.asarray(values), torch.device("cpu"))
        for side, domain in (("source", source), ("target", target))
        if domain is not None
        for name, values in domain.columns().items()
    }


def loader(
    spec: DataSpec, reads: tuple[str, ...], *, oracle: bool, batch_size: int, device: torch.device | str = "cpu"
) -> Loader:
    """Draws from the toy domains like the loop; close it after use."""
    return Loader(
        *domains(spec), reads=reads, batch_size=batch_size, seed=0, device=device, oracle=oracle, paired=spec.paired
    )


Places = tuple[np.ndarray | None, np.ndarray, np.ndarray]


def _places(task: Task, count: int, random: np.random.Generator) -> Places:
    """Labels [count, label_size] if there are any, and the places of the disc, each from -1 to 1."""
    if isinstance(task, ClassTask):
        classes = random.integers(task.classes, size=count)
        angle = 2 * np.pi * classes / task.classes
        return classes[:, None].astype(np.float32), np.cos(angle), np.sin(angle)
    if isinstance(task, NoTask):
        return None, random.uniform(-1, 1, count), random.uniform(-1, 1, count)
    labels = random.uniform(-0.3, 0.3, (count, task.label_size)).astype(np.float32)
    return labels, -labels[:, -1] / 0.3, -labels[:, 0] / 0.3


def _domain(
    spec: DataSpec, side: str, places: Places, random: np.random.Generator, ground: int, noise: float
) -> Domain:
    labels, right, down = places
    column, count = spec.columns[side], len(right)
    if column.kind == "image":
        disc = _inside(column, right, down, 1 / 4)
        clean = np.where(disc, 40, ground)[:, None]
        samples = (clean + random.normal(0, noise, (count, *column.shape))).clip(0, 255).astype(np.uint8)
    else:
        samples = _points(column.shape, right, down, ground, noise, random)
    known = {side, f"{side}_label", f"{side}_group"}
    extra = {
        name.removeprefix(f"{side}_"): _extra(each, right, down, ground)
        for name, each in spec.columns.items()
        if name.startswith(f"{side}_") and name not in known
    }
    groups = np.arange(count, dtype=np.int64) % GROUPS if f"{side}_group" in spec.columns else None
    observed = (*extra, *(() if groups is None else ("group",)))
    given = labels if f"{side}_label" in spec.columns else None
    return Domain(f"toy {side}", samples, given, groups, extra, observed)


def _inside(column: Column, right: np.ndarray, down: np.ndarray, radius: float) -> np.ndarray:
    """The disc of each row: bool [count, height, width]."""
    _, height, width = column.shape
    y, x = np.mgrid[:height, :width]
    center_x, center_y = width * (0.5 + right / 4), height * (0.5 + down / 4)
    away = (x - center_x[:, None, None]) ** 2 + (y - center_y[:, None, None]) ** 2
    inside: np.ndarray = away < (height * radius) ** 2
    return inside


def _points(
    shape: tuple[int, ...], right: np.ndarray, down: np.ndarray, ground: int, noise: float, random: np.random.Generator
) -> np.ndarray:
    """Vectors whose first numbers are the place; the target's are shifted and noisier."""
    flat = random.normal(0, noise / 100, (len(right), int(np.prod(shape))))
    for at, numbers in enumerate((right, down)[: flat.shape[1]]):
        flat[:, at] += numbers + (ground - 200) / 70
    return flat.reshape(len(right), *shape).astype(np.float32)


def _extra(column: Column, right: np.ndarray, down: np.ndarray, ground: int) -> np.ndarray:
    """A further column: a mask around the disc, an image of it, or its place, repeated."""
    if column.kind == "mask":
        return _inside(column, right, down, 1 / 3)[:, None]
    if column.kind == "image":
        clean = np.where(_inside(column, right, down, 1 / 4), 40, ground)[:, None]
        return np.broadcast_to(clean, (len(right), *column.shape)).astype(np.uint8)
    size = int(np.prod(column.shape))
    numbers = np.resize(np.stack([right, down], 1), (len(right), size)) if size > 1 else right[:, None]
    return numbers.reshape(len(right), *column.shape).astype(np.float32)
