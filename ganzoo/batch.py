"""The description of the data (`DataSpec`), and a batch of rows on the device (`Batch`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

import torch
from torch import Tensor

from ganzoo.errors import DatasetError, PluginError
from ganzoo.task import TASKS, NoTask, Task

Kind = Literal["image", "mask", "vector"]
MOST = 2**16  # channels, pixels of a side, or numbers of a vector


@dataclass(frozen=True)
class Column:
    """One row of a column of the data.

    `kind` says what its numbers are: an `image` is uint8 [C, H, W] on disk and float in [-1, 1] in a batch; a `mask` is
    bool on disk and 0 or 1 in a batch; a `vector` is float32 in both, of any shape.
    """

    shape: tuple[int, ...]
    kind: Kind = "image"

    def __str__(self) -> str:
        if self.kind == "vector" and len(self.shape) == 1:
            return f"vectors of {self.shape[0]} numbers"
        size = " x ".join(str(side) for side in self.shape[1:])
        plural = {"image": "images", "mask": "masks", "vector": "arrays"}[self.kind]
        return (
            f"{plural} of {size} pixels and {self.shape[0]} channels"
            if len(self.shape) == 3
            else f"{plural} of {self.shape}"
        )


@dataclass(frozen=True)
class DataSpec:
    """What a method needs to know of the data to size its networks.

    `columns` names everything that the data hold, by the names that a batch gives them: `source` and `target` (images
    or vectors), `source_label` and `target_label`, `source_group` and `target_group` (who is in an image), and further
    columns such as `source_pupil_center`. `paired` says that row k of the source belongs to row k of the target.
    """

    columns: Mapping[str, Column]
    task: Task
    paired: bool = False

    def column(self, name: str) -> Column:
        """A column by its name. Raises DatasetError if the data have no such column."""
        if name not in self.columns:
            raise DatasetError(f"these data have no {name!r}; they have {', '.join(self.columns)}")
        return self.columns[name]

    @property
    def sample(self) -> Column:
        """A sample of the target, or of the source if it is the only domain."""
        return self.columns["target"] if "target" in self.columns else self.column("source")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of `sample`. Raises DatasetError if it is not an image."""
        if self.sample.kind != "image":
            raise DatasetError(f"these data are {self.sample}, not images")
        channels, height, width = self.sample.shape
        return channels, height, width

    @property
    def channels(self) -> int:
        return self.image_shape[0]

    @property
    def height(self) -> int:
        return self.image_shape[1]

    @property
    def width(self) -> int:
        return self.image_shape[2]

    def as_table(self) -> dict[str, Any]:
        """The spec in TOML's types, from which `from_table` rebuilds it without the data."""
        columns = {name: {"shape": list(column.shape), "kind": column.kind} for name, column in self.columns.items()}
        return {"task": {"name": self.task.name, **self.task.settings()}, "paired": self.paired, "columns": columns}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> DataSpec | None:
        """The inverse of `as_table`; None if the table is damaged or its task is unknown.

        Also reads the tables of ganzoo 0.1 in runs and stores, which describe two domains of images of one shape.
        """
        try:
            if "columns" not in table:
                classes = {"classes": table["classes"]} if table["task"] == "ClassTask" else {}
                task = TASKS[{"GazeTask": "gaze", "ClassTask": "class"}[table["task"]]](**classes)
                channels, height, width = _shape([table[key] for key in ("channels", "height", "width")])
                return image_spec(channels, height, width, task)
            columns = {str(name): _column(each) for name, each in table["columns"].items()}
            settings = {str(key): tuple(v) if isinstance(v, list) else v for key, v in table["task"].items()}
            task = TASKS[str(settings.pop("name"))](**settings)
            if type(table["paired"]) is not bool or not {"source", "target"} & {*columns}:
                return None
            return cls(columns, task, table["paired"])
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            return None


def image_spec(channels: int, height: int, width: int, task: Task) -> DataSpec:
    """The spec of two unpaired domains of images of one shape; both are labelled if the task has labels."""
    label = Column((task.label_size,), "vector")
    labels = {} if isinstance(task, NoTask) else {"source_label": label, "target_label": label}
    image = Column((channels, height, width))
    return DataSpec({"source": image, "target": image, **labels}, task)


def set_spec(channels: int, height: int, width: int, task: Task) -> DataSpec:
    """The spec of one set of images, such as a prepared store."""
    labels = {} if isinstance(task, NoTask) else {"target_label": Column((task.label_size,), "vector")}
    return DataSpec({"target": Column((channels, height, width)), **labels}, task)


def _column(table: Mapping[str, Any]) -> Column:
    if table["kind"] not in get_args(Kind):
        raise ValueError(f"{table['kind']} is not a kind of column")
    return Column(_shape(table["shape"]), table["kind"])


def _shape(numbers: Any) -> tuple[int, ...]:
    if not numbers or not all(type(number) is int and 0 < number <= MOST for number in numbers):
        raise ValueError(f"{numbers} is not a shape")
    return tuple(numbers)


@dataclass(frozen=True)
class Batch:
    """Rows of the columns that a method reads, on the device: `batch.source`, `batch["source_pupil_center"]`.

    Images are float [B, C, H, W] in [-1, 1], masks 0 or 1, labels and vectors float32 [B, ...]. There is no target
    label to read: a method cannot leak what it cannot reach.
    """

    columns: Mapping[str, Tensor]
    progress: Tensor  # 0-d: the part of the stage already done, in [0, 1)
    carried: Mapping[str, Tensor] = field(default_factory=dict)  # from earlier phases of this step, as `Phase.takes`
    handed_on: dict[str, Tensor] = field(default_factory=dict)  # for later phases of this step, as `Phase.hands_on`

    def __post_init__(self) -> None:
        if "target_label" in self.columns and not isinstance(self, OracleBatch):
            raise PluginError("only an OracleBatch holds target labels; the method must declare itself an oracle")

    def __getitem__(self, name: str) -> Tensor:
        try:
            return self.columns[name]
        except KeyError:
            raise PluginError(
                f"a loss reads the column {name!r}, but its method declares only "
                f"{', '.join(self.columns)}; add it to `reads`"
            ) from None

    @property
    def source(self) -> Tensor:
        """[B, ...]: samples of the source."""
        return self["source"]

    @property
    def source_label(self) -> Tensor:
        """[B, task.label_size]"""
        return self["source_label"]

    @property
    def target(self) -> Tensor:
        """[B, ...]: samples of the target."""
        return self["target"]

    @property
    def device(self) -> torch.device:
        return self.progress.device

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def hand_on(self, **tensors: Tensor) -> None:
        """Pass tensors [B, ...], detached, to later phases of this step; the phase names them in `hands_on`."""
        self.handed_on.update({name: tensor.detach() for name, tensor in tensors.items()})

    def with_carried(self, carried: Mapping[str, Tensor]) -> Self:
        """The same batch with what earlier phases of the step have handed on."""
        return replace(self, carried=carried, handed_on={})

    def split(self, size: int) -> Iterator[Self]:
        """Micro-batches of at most `size` rows, in order."""
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            yield replace(
                self,
                columns={name: tensor[rows] for name, tensor in self.columns.items()},
                carried={name: tensor[rows] for name, tensor in self.carried.items()},
                handed_on={},
            )

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The same batch with each of its tensors changed."""
        return replace(
            self,
            columns={name: change(tensor) for name, tensor in self.columns.items()},
            progress=change(self.progress),
            carried={name: change(tensor) for name, tensor in self.carried.items()},
            handed_on={},
        )

    def tensors(self) -> dict[str, Tensor]:
        """All that a loss can read, by name."""
        carried = {f"carried {name}": tensor for name, tensor in self.carried.items()}
        return {**self.columns, "progress": self.progress, **carried}


@dataclass(frozen=True)
class OracleBatch(Batch):
    """Also holds the target's labels. Only a method that declares `oracle = True` is given one."""

    @property
    def target_label(self) -> Tensor:
        """[B, task.label_size]"""
        return self["target_label"]
