"""A user's images behind one interface: a folder, an npz archive or a prepared store."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar
from warnings import catch_warnings, filterwarnings

import numpy as np

from ganzoo.dataset import Domain
from ganzoo.errors import DatasetError
from ganzoo.files.chosen_label import ChosenLabel
from ganzoo.files.fit import Fit
from ganzoo.files.guard import check_memory, reading
from ganzoo.files.image_file import FORMATS, Shape, image_shape, read_image
from ganzoo.files.label_files import folder_labels
from ganzoo.files.labels import PERSON_KEYS, Columns, finite, gaze_labels, group_ids, person_names
from ganzoo.files.location import Location
from ganzoo.files.names import natural
from ganzoo.files.npz import array_headers, read_array
from ganzoo.files.store import Store, as_slice, is_store
from ganzoo.progress import progress_bar

Item = TypeVar("Item")
Result = TypeVar("Result")
_PARALLEL = 256  # images processed at a time, which bounds the memory
INNER = "**"  # as the last part of a path: include subfolders
_LONG = 1000  # progress is shown for more images than this


class ImageCollection(ABC):
    """Images in a fixed order, with a name each. Nothing is decoded before `read`."""

    path: Path
    names: list[str]
    shapes: list[Shape]

    @abstractmethod
    def read(self, rows: Sequence[int], fit: Fit) -> np.ndarray:
        """Some of the images as uint8 [N, C, H, W]. Their shapes must have passed `fit.check`."""

    def stay_mapped(self, rows: np.ndarray, fit: Fit) -> bool:
        """Whether `read` returns a view of a memory map, which takes no memory."""
        return False

    @abstractmethod
    def columns(self, chosen: ChosenLabel | None = None) -> Columns:
        """The labels of all images: gaze, or those chosen. Raises DatasetError if they are invalid or do not fit the
        images."""


class ImageFolder(ImageCollection):
    """The images in a folder, in the natural order of their names (2.png before 10.png).

    With `inner`, also those in subfolders, which are named as p00/2.png.
    """

    def __init__(self, folder: Path, *, inner: bool = False) -> None:
        self.path = folder
        self.names = _image_names(folder, inner)

    @cached_property
    def shapes(self) -> list[Shape]:  # type: ignore[override]
        """Read from the headers."""
        files = [self.path / name for name in self.names]
        return list(_shown(in_parallel(image_shape, files), len(files), f"checking {self.path.name}"))

    def read(self, rows: Sequence[int], fit: Fit) -> np.ndarray:
        height, width, channels = fit.shape
        images = np.empty((len(rows), channels, height, width), np.uint8)

        def fitted(row: int) -> np.ndarray:
            return fit(read_image(self.path / self.names[row])).transpose(2, 0, 1)

        for at, image in enumerate(_shown(in_parallel(fitted, rows), len(rows), f"reading {self.path.name}")):
            images[at] = image
        return images

    def columns(self, chosen: ChosenLabel | None = None) -> Columns:
        return folder_labels(self.path, self.names, chosen)


class ImageArchive(ImageCollection):
    """The array `image` of an npz file: uint8 [N, H, W] or [N, H, W, C]. Names are row numbers."""

    def __init__(self, file: Path) -> None:
        self.path = file
        self.headers = array_headers(file)
        if "image" not in self.headers:
            raise DatasetError(f"{file} has no array 'image', only {', '.join(self.headers) or 'nothing'}")
        shape, dtype = self.headers["image"]
        if dtype != np.uint8 or not (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))):
            raise DatasetError(
                f"{file}: image must be uint8 [N, H, W] or [N, H, W, C] with 1 or 3 channels, not {dtype} {list(shape)}"
            )
        if 0 in shape:
            raise DatasetError(f"{file}: there are no images")
        self.names = [f"row {row}" for row in range(shape[0])]
        self.shapes = [(shape[1], shape[2], shape[3] if len(shape) == 4 else 1)] * shape[0]

    def array(self, key: str) -> np.ndarray:
        """One array, read from the file. Raises DatasetError for one that would need unpickling."""
        return read_array(self.path, key, self.headers)

    def read(self, rows: Sequence[int], fit: Fit) -> np.ndarray:
        pixels = self.array("image").reshape(len(self.names), *self.shapes[0])
        if self.shapes[0] == fit.shape:
            return np.ascontiguousarray(pixels[np.asarray(rows)].transpose(0, 3, 1, 2))
        images = in_parallel(lambda row: fit(pixels[row]).transpose(2, 0, 1), rows)
        return np.stack(list(_shown(images, len(rows), f"fitting {self.path.name}")))

    def columns(self, chosen: ChosenLabel | None = None) -> Columns:
        where = str(self.path)
        if chosen is not None:
            return self._chosen_columns(chosen, where)
        who = next((key for key in PERSON_KEYS if key in self.headers), None)
        known = {key: self.array(key) for key in ("gaze", "gaze_pitchyaw", "pupil_center", who) if key in self.headers}
        for key, column in known.items():
            if column.shape[:1] != (len(self.names),):
                raise DatasetError(f"{where}: {len(self.names):,} images, but {key} is {list(column.shape)}")
        pupil = known.get("pupil_center")
        if pupil is not None and (pupil.ndim != 2 or pupil.shape[1] != 2 or pupil.dtype.kind not in "fiu"):
            raise DatasetError(f"{where}: pupil_center must be numbers [N, 2], not {pupil.dtype} {list(pupil.shape)}")
        return Columns(
            labels=gaze_labels(known.get("gaze"), known.get("gaze_pitchyaw"), where, self.names),
            people=person_names(known[who].tolist()) if who else None,
            pupil_center=finite(pupil, "pupil centres", where, self.names),
        )

    def _chosen_columns(self, chosen: ChosenLabel, where: str) -> Columns:
        """The chosen labels, people, and the array `mask` if it says what each pixel shows."""
        who = next((key for key in PERSON_KEYS if key in self.headers), None)
        shape, dtype = self.headers.get("mask", ((), np.dtype(object)))
        is_mask = shape == (len(self.names), *self.shapes[0][:2]) and dtype.kind in "iub"
        return Columns(
            labels=chosen.checked(self.array(chosen.name), where, self.names) if chosen.name in self.headers else None,
            people=person_names(self.array(who).tolist()) if who else None,
            mask=self.array("mask") if is_mask else None,
        )


class StoreImages(ImageCollection):
    """A prepared store. Evenly spaced rows, such as those of any slice, stay in its memory map."""

    def __init__(self, folder: Path) -> None:
        self.path, self.store = folder, Store(folder)
        channels, height, width = self.store.spec.image_shape
        self.names = [f"row {row}" for row in range(len(self.store))]
        self.shapes = [(height, width, channels)] * len(self.store)

    def read(self, rows: Sequence[int], fit: Fit) -> np.ndarray:
        images = self.store.images
        if self.shapes[0] == fit.shape:
            return images[as_slice(np.asarray(rows))]
        fitted = in_parallel(lambda row: fit(images[row].transpose(1, 2, 0)).transpose(2, 0, 1), rows)
        return np.stack(list(_shown(fitted, len(rows), f"fitting {self.path.name}")))

    def stay_mapped(self, rows: np.ndarray, fit: Fit) -> bool:
        return self.shapes[0] == fit.shape and isinstance(as_slice(rows), slice)

    def columns(self, chosen: ChosenLabel | None = None) -> Columns:
        where, names = str(self.path), set(self.store.columns)
        if chosen is not None:
            keys = next((keys for keys in chosen.keys if {*keys} <= names), None)
            values = None if keys is None else np.column_stack([self.store.column(key) for key in keys])
            return Columns(
                labels=None if values is None else chosen.checked(values, where, self.names),
                people=person_names(self.store.column("person").tolist()) if "person" in names else None,
            )
        pupil = np.stack([self.store.column(f"pupil_{axis}") for axis in "xy"], 1) if "pupil_x" in names else None
        return Columns(
            labels=gaze_labels(None, self.store.gaze(), where, self.names),
            people=person_names(self.store.column("person").tolist()) if "person" in names else None,
            pupil_center=finite(pupil, "pupil centres", where, self.names),
        )


def open_images(path: Path, what: str) -> ImageCollection:
    """A prepared store, a folder, FOLDER/** (with subfolders), or an npz; `what` is the option that names it.

    Raises DatasetError if it is none of them.
    """
    if is_store(path):
        return StoreImages(path)
    inner = path.name == INNER and not os.path.exists(path)
    if inner:
        path = path.parent
    if not os.path.exists(path):
        raise DatasetError(f"{what} {path} does not exist")
    if path.is_dir():
        return ImageFolder(path, inner=inner)
    if path.is_file() and not inner and path.suffix.lower() == ".npz":
        return ImageArchive(path)
    raise DatasetError(f"{what} {path} must be a folder of images, an .npz file or a prepared store")


def read_domain(
    name: str,
    images: ImageCollection,
    location: Location,
    fit: Fit,
    *,
    labelled: bool,
    chosen: ChosenLabel | None = None,
) -> Domain:
    """The chosen rows of `images` as a domain, fitted; its labels are gaze, or those of `chosen`.

    Raises DatasetError if images cannot be fitted, or if labels are invalid, or absent but required by `labelled`.
    """
    rows = location.select(len(images.names))
    shapes = [images.shapes[row] for row in rows]
    fit.check(shapes, [images.names[row] for row in rows], f"{name} {location}")
    columns = images.columns(chosen)
    labels = None if columns.labels is None else columns.labels[rows]
    if chosen is not None:
        if labelled and labels is None:
            raise DatasetError(
                f"{name} {location} has no {chosen.name}: --label names an array of an npz, a column of labels.csv (or "
                f"{chosen.name}_x and {chosen.name}_y), a key of json files or a column of a store"
            )
        if labels is not None and chosen.kind == "position":
            labels = fit.points(labels, shapes)
    elif labelled and labels is None:
        raise DatasetError(
            f"{name} {location} must be labelled: a folder by labels.csv or one NAME.json per image, an npz by "
            "an array gaze or gaze_pitchyaw"
        )
    extra = {} if columns.pupil_center is None else {"pupil_center": fit.points(columns.pupil_center[rows], shapes)}
    if columns.mask is not None:
        extra["mask"] = np.stack([fit.mask(mask) for mask in columns.mask[rows]])
    if columns.people is not None:
        extra["person"] = columns.people[rows]
    return replace(
        read_images(name, images, location, fit),
        labels=labels,
        groups=None if columns.people is None else group_ids(columns.people)[rows],
        extra=extra,
    )


def read_images(name: str, images: ImageCollection, location: Location, fit: Fit) -> Domain:
    """The chosen rows of `images`, fitted, without looking for labels.

    Raises DatasetError if images cannot be read or fitted.
    """
    rows = location.select(len(images.names))
    shapes = [images.shapes[row] for row in rows]
    fit.check(shapes, [images.names[row] for row in rows], f"{name} {location}")
    if not images.stay_mapped(rows, fit):
        check_memory(len(rows) * int(np.prod(fit.shape)), f"{name} {location}")
    return Domain(name, images.read(rows.tolist(), fit))


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """`work` on all items, in order, on all cores; Pillow releases the interpreter lock."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool, catch_warnings():
        filterwarnings("ignore", module=r"PIL\.")  # on damaged metadata and large images, which `image_file` checks
        for start in range(0, len(items), _PARALLEL):
            yield from pool.map(work, items[start : start + _PARALLEL])


def _image_names(folder: Path, inner: bool) -> list[str]:
    """Names of the images, without hidden ones. Links to folders are not followed: they could form cycles."""
    names: list[str] = []
    archives: list[str] = []
    folders = [""]
    for at in folders:  # grows during the loop
        with reading(folder / at, "folder"), os.scandir(folder / at) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=not inner):
                    folders.append(f"{at}{entry.name}/")
                elif Path(entry.name).suffix.lower() in FORMATS and not entry.is_dir():
                    names.append(f"{at}{entry.name}")
                elif entry.name.endswith(".npz"):
                    archives.append(f"{at}{entry.name}")
        if not inner:
            break
    if not names:
        found = 0 if inner else len(folders) - 1
        hint = f"; its {found} subfolders are not searched (write {folder / INNER} to include them)" if found else ""
        if archives:
            hint = f"; to read the npz file in it, give {folder / min(archives, key=natural)}"
        raise DatasetError(f"{folder} holds no images ({', '.join(FORMATS)}){hint}")
    return sorted(names, key=natural)


def _shown(results: Iterable[Result], count: int, title: str) -> Iterator[Result]:
    """The same results, with progress on stderr if there are many."""
    with progress_bar(title, count, quiet=count <= _LONG) as progress:
        for result in results:
            yield result
            progress.advance(progress.task_ids[0])
