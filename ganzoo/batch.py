"""What one draw from a pair of domains looks like on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from torch import Tensor

from ganzoo.task import ClassTask, GazeTask, Task

MOST = 2**16  # channels, pixels of a side, or classes


@dataclass(frozen=True)
class DataSpec:
    """What a method needs to know of the data to size its networks."""

    channels: int
    height: int
    width: int
    task: Task

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width

    def as_table(self) -> dict[str, Any]:
        """The spec in TOML's types, from which `from_table` makes it again without the data."""
        classes = {"classes": self.task.classes} if isinstance(self.task, ClassTask) else {}
        task = type(self.task).__name__
        return {"channels": self.channels, "height": self.height, "width": self.width, "task": task, **classes}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> DataSpec | None:
        """The inverse of `as_table`; None where the table is damaged or its task is not one of ganzoo's."""
        tasks: dict[Any, Callable[[], Task]] = {
            "GazeTask": GazeTask,
            "ClassTask": lambda: ClassTask(_whole(table["classes"])),
        }
        try:
            sides = [table[key] for key in ("channels", "height", "width")]
            if not all(type(side) is int and 0 < side <= MOST for side in sides):
                return None
            channels, height, width = sides
            return cls(channels, height, width, tasks[table["task"]]())
        except (KeyError, TypeError, ValueError, OverflowError):
            return None


def _whole(number: Any) -> int:
    if type(number) is not int or not 0 < number <= MOST:
        raise ValueError(f"{number} is no number of classes")
    return number


@dataclass(frozen=True)
class Batch:
    """Labelled source images and unlabelled target images: float [B, C, H, W] in [-1, 1].

    There is no target label to read: a method cannot leak what it cannot reach.
    """

    source: Tensor
    source_label: Tensor  # [B, task.label_size]
    target: Tensor
    progress: Tensor  # 0-d: the part of the run already done, in [0, 1)

    def __len__(self) -> int:
        return len(self.target)

    def split(self, size: int) -> Iterator[Self]:
        """Micro-batches of at most `size` samples, in order."""
        rows = [field.name for field in fields(self) if field.name != "progress"]
        for start in range(0, len(self), size):
            yield replace(self, **{name: getattr(self, name)[start : start + size] for name in rows})


@dataclass(frozen=True)
class OracleBatch(Batch):
    """Also holds the target's labels. Only a method that declares `oracle = True` is given one."""

    target_label: Tensor  # [B, task.label_size]
