"""The input files of a capability, from the options of a command, checked before any work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ganzoo.applying.rows import ImageRows, InputRows, MaskRows, NumberRows
from ganzoo.batch import Column
from ganzoo.capabilities.base import Argument, Capability
from ganzoo.configuration.layers import did_you_mean
from ganzoo.errors import DatasetError, UsageError
from ganzoo.evaluation.evaluate import to_device
from ganzoo.files.collection import ImageArchive, ImageCollection, ImageFolder, open_images
from ganzoo.files.fit import Channels, Fit, Resizer
from ganzoo.files.guard import some
from ganzoo.files.location import Location
from ganzoo.files.numbers import in_order, read_labels, read_named_array, read_numbers
from ganzoo.files.output import MANIFEST
from ganzoo.method import Method

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Places:
    """The files that the options of a command name."""

    input: Path | None = None
    labels: Path | None = None
    others: Mapping[str, Path] = field(default_factory=dict)  # --with NAME=PATH
    count: int | None = None
    resizer: Resizer = "none"
    channels: Channels = "as-is"


@dataclass(frozen=True)
class Inputs:
    """The inputs of a capability, row by row."""

    rows: Mapping[str, InputRows]  # by argument, in order
    count: int
    images: ImageRows | None = None  # of --input
    labels: NumberRows | None = None

    @property
    def names(self) -> list[str]:
        """A name for the output of each row: that of its image, or a number."""
        if self.images is not None:
            return self.images.names
        digits = max(6, len(str(self.count - 1)))
        return [f"{row:0{digits}d}.png" for row in range(self.count)]

    @property
    def main(self) -> InputRows | None:
        """The input that gives the others their order: the images, or the first; None if there is no input."""
        return self.images or next(iter(self.rows.values()), None)

    def digests(self, of: Callable[[InputRows], Mapping[str, str]]) -> dict[str, str]:
        """The sha256 of files of all inputs, by name; those of further inputs by NAME/FILE."""
        found = {}
        for name, rows in self.rows.items():
            found.update({key if rows is self.main else f"{name}/{key}": value for key, value in of(rows).items()})
        return found


def inputs_of(capability: Capability, method: Method, places: Places) -> Inputs:
    """Open the files of all arguments of a capability.

    Raises UsageError if an argument has no file, a file no argument, or its content is impossible; DatasetError if
    files are unreadable or do not fit the data of the run.
    """
    return _Opening(capability, method, places).all()


class _Opening:
    def __init__(self, capability: Capability, method: Method, places: Places) -> None:
        self.capability, self.method, self.places = capability, method, places
        self.arguments = {_option(capability, each): each for each in capability.arguments}
        self.images: ImageRows | None = None

    def all(self) -> Inputs:
        self._check_options()
        opened = {option: self._rows(option, each) for option, each in self._images_first()}
        rows = {each.name: opened[option] for option, each in self.arguments.items()}
        labels = next((rows[each.name] for each in self.capability.arguments if each.column == "label"), None)
        counts = {option: len(rows[each.name]) for option, each in self.arguments.items()}
        if len(set(counts.values())) > 1:
            said = " and ".join(f"{option} has {count:,}" for option, count in counts.items())
            raise DatasetError(f"every input needs a row for each sample, and {said}")
        if not rows and self.places.count is None:
            raise UsageError(f"{self.capability.name} needs to know how many samples to make: give --count")
        count = next(iter(counts.values()), self.places.count)
        assert count is not None
        if not count:
            raise DatasetError(f"{next(iter(counts))}: there are no rows in it")
        self._check_values(rows)
        return Inputs(rows, count, self.images, labels if isinstance(labels, NumberRows) else None)

    def _images_first(self) -> list[tuple[str, Argument]]:
        """Other inputs follow the order of the images."""
        return sorted(self.arguments.items(), key=lambda option_and_argument: option_and_argument[0] != "--input")

    def _check_options(self) -> None:
        """Check that the capability takes every given option."""
        given = [f"--with {name}" for name in self.places.others]
        given += ["--input"] if self.places.input else []
        given += ["--labels"] if self.places.labels else []
        given += ["--count"] if self.places.count is not None else []
        taken = [*self.arguments] if self.capability.arguments else ["--count"]
        for option in given:
            if option not in taken:
                says = f"it takes {' and '.join(taken)}{did_you_mean(option, taken)}"
                raise UsageError(f"{self.capability.name} takes no {option}; {says}")

    def _rows(self, option: str, argument: Argument) -> InputRows:
        column, path = self.capability.input(self.method, argument), self._path(option, argument)
        if path is None:  # another array of the npz
            assert self.images is not None
            return self._in_memory(argument, column, self.images.path, option)
        if Location.parse(path).rows is not None:
            what = f"{option}{_joint(option)}{path}"
            raise UsageError(f"{what}: {self.capability.name} takes a whole folder or npz, without a choice of rows")
        if column.kind == "vector" or (column.kind == "mask" and path.suffix.lower() == ".npz"):
            return self._in_memory(argument, column, path, option)
        return self._image_rows(option, column, path)

    def _path(self, option: str, argument: Argument) -> Path | None:
        path = {"--input": self.places.input, "--labels": self.places.labels}.get(
            option, self.places.others.get(argument.name)
        )
        if path is not None:
            return path
        images = self.images.images if self.images else None
        if isinstance(images, ImageArchive) and argument.column in images.headers and option.startswith("--with"):
            return None
        raise UsageError(f"{self.capability.name} needs {argument.meaning}: give {option}{_joint(option)}PATH")

    def _image_rows(self, option: str, column: Column, path: Path) -> ImageRows:
        images = open_images(path, option)
        channels, height, width = column.shape
        mask = column.kind == "mask"
        fit = Fit((height, width, channels), self.places.resizer, "grey" if mask else self.places.channels)
        what = f"{option}{_joint(option)}{path}"
        fit.check(images.shapes, images.names, what)
        if option == "--input":
            _check_names(images, option)
            self.images = ImageRows(images, fit)
            return self.images
        names = self._matching(images, what)
        return (MaskRows if mask else ImageRows)(images, fit, names)

    def _matching(self, images: ImageCollection, what: str) -> list[str]:
        """The images of another folder that belong to those of --input, by their names without the ending."""
        if not isinstance(images, ImageFolder) or not self._named():
            return images.names
        assert self.images is not None
        at = {Path(name).stem: name for name in images.names}
        wanted = [Path(name).stem for name in self.images.names]
        if absent := [name for name in wanted if name not in at]:
            raise DatasetError(f"{what}: {len(absent):,} of {len(wanted):,} images have none there ({some(absent)})")
        return [at[name] for name in wanted]

    def _named(self) -> bool:
        """Whether the images of --input have names of their own."""
        return self.images is not None and isinstance(self.images.images, ImageFolder)

    def _in_memory(self, argument: Argument, column: Column, path: Path, option: str) -> NumberRows:
        what = f"{option}{_joint(option)}{path}"
        if column.kind == "mask":
            return NumberRows(path, _masks(read_named_array(path, option, argument.column), column, what))
        if argument.column == "label":
            numbers = read_labels(path, option, self.method.spec.task)
        else:
            numbers = read_numbers(path, option, argument.column or "samples")
        values = in_order(numbers, self.images.names, what) if self.images and self._named() else numbers.values
        if values.size != len(values) * int(np.prod(column.shape)) or not np.isfinite(values).all():
            found = "numbers that are not finite" if not np.isfinite(values).all() else f"{list(values.shape)}"
            raise DatasetError(f"{what} must hold {column}, finite and a row for each sample, not {found}")
        return NumberRows(path, values.reshape(len(values), *column.shape).astype(np.float32))

    def _check_values(self, rows: Mapping[str, InputRows]) -> None:
        """The capability's check of values that are in memory."""
        if rows and all(isinstance(each, NumberRows) for each in rows.values()):
            everything = [to_device(each.read(slice(None)), _CPU) for each in rows.values()]
            if problem := self.capability.problem(self.method, everything):
                raise UsageError(f"{' and '.join(self.arguments)}: {problem}")


def _option(capability: Capability, argument: Argument) -> str:
    """The option that names the file of an argument."""
    if argument is next((each for each in capability.arguments if each.column == ""), None):
        return "--input"
    return "--labels" if argument.column == "label" else f"--with {argument.name}"


def _joint(option: str) -> str:
    """The separator of an option and its path: --input PATH, --with mask=PATH."""
    return "=" if option.startswith("--with") else " "


def _check_names(images: ImageCollection, option: str) -> None:
    if any("/" in name for name in images.names):
        raise UsageError(f"{option} {images.path}: the output is one folder; give each of the inner folders separately")
    if any(Path(name).stem == Path(MANIFEST).stem for name in images.names):
        raise UsageError(
            f"{option} {images.path}: rename the image called manifest; its labels would collide with {MANIFEST}"
        )


def _masks(values: np.ndarray, column: Column, what: str) -> np.ndarray:
    """Masks of an array [N, H, W] or [N, H, W, C], of bool or of 0 and 1, as bool [N, C, H, W]."""
    channels, height, width = column.shape
    last = values.reshape(*values.shape, 1) if values.ndim == 3 else values
    if last.shape[1:] != (height, width, channels):
        raise DatasetError(f"{what} must hold {column}, [N, {height}, {width}], not {list(values.shape)}")
    if values.dtype != np.bool_ and not np.isin(values, (0, 1)).all():
        raise DatasetError(f"{what} must hold only masks: bool, or 0 and 1")
    return last.transpose(0, 3, 1, 2).astype(np.bool_)
