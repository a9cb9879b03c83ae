"""Rendered once, kept as .npy files: each split in its own folder, named by a hash of all that it depends on."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.cache import cache_folder, single_flight
from ganzoo.errors import DatasetError
from ganzoo.progress import progress_bar
from ganzoo_eyes.split import COLUMNS, Split

RENDERER_VERSION = 1  # raise it with every change that changes a picture or a label
_CHUNK = {"cpu": 24, "cuda": 512}  # images drawn at once: small enough for a core's cache, large enough for a GPU
_LONG = 3000  # images from which on a progress bar is worth having
_DAY = 86400.0


def folder(split: Split, size: int, device: str) -> Path:
    """Where a split is kept: under $GANZOO_CACHE, or the user's cache folder."""
    depends = repr((RENDERER_VERSION, size, device, sorted(asdict(split).items())))
    return (
        cache_folder("datasets") / f"eyes-{split.name}-{hashlib.blake2b(depends.encode(), digest_size=8).hexdigest()}"
    )


def columns(split: Split, size: int, device: str = "cpu") -> Mapping[str, np.ndarray]:
    """The columns of a split's first `size` rows, memory-mapped; rendered first if they do not exist yet.

    Raises DatasetError if they cannot be written, or are damaged.
    """
    place = folder(split, size, device)
    if not place.is_dir():
        try:
            with single_flight(place.name):  # of many cells that start together, one draws
                if not place.is_dir():
                    _make(place, split, size, device)
        except OSError as error:
            raise DatasetError(
                f"dataset eyes: cannot write {place} ({error.strerror or error}); "
                "set the environment variable GANZOO_CACHE to a folder that can be written"
            ) from error
    return {name: _read(place / f"{name}.npy", dtype, shape) for name, (dtype, shape) in _layout(split, size).items()}


def _layout(split: Split, size: int) -> dict[str, tuple[type, tuple[int, ...]]]:
    """Data type and shape of each column."""
    return {
        "images": (np.uint8, (size, split.channels, split.height, split.width)),
        "person": (np.int64, (size,)),
        **{name: (np.float32, (size, *shape)) for name, shape in COLUMNS.items()},
    }


def _read(file: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    try:
        found = np.load(file, mmap_mode="r", allow_pickle=False)
    except Exception:  # numpy raises nearly any on a damaged header
        found = None
    if not isinstance(found, np.ndarray) or found.dtype != dtype or found.shape != shape:
        raise DatasetError(f"dataset eyes: {file} is missing or damaged; remove the folder {file.parent}, "
                           "and it is drawn again")  # fmt: skip
    return found


def _make(place: Path, split: Split, size: int, device: str) -> None:
    """Renders into a temporary folder and renames it: a folder is complete or absent, and the first process wins."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(place.parent)
    need = size * (split.channels * split.height * split.width + 256)
    free = shutil.disk_usage(place.parent).free
    if free < need * 1.05 + 2**20:
        raise DatasetError(
            f"dataset eyes: {split.name} needs {need / 2**20:.0f} MiB in {place.parent}, where {free / 2**20:.0f} MiB "
            "are free; make room or set the environment variable GANZOO_CACHE to another folder"
        )
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{place.name}.", suffix=".partial") as aside:
        made = Path(aside) / "made"
        made.mkdir()
        _fill(_open(made, split, size), split, size, device)
        try:
            made.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was faster, with the same files
                raise


def _remove_abandoned(root: Path) -> None:
    """Temporary folders that a killed process left more than a day ago."""
    for old in root.glob("eyes-*.partial"):
        if time.time() - old.stat().st_mtime > _DAY:
            shutil.rmtree(old, ignore_errors=True)


def _open(made: Path, split: Split, size: int) -> dict[str, np.memmap]:
    return {
        name: np.lib.format.open_memmap(made / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        for name, (dtype, shape) in _layout(split, size).items()
    }


def _fill(files: Mapping[str, np.memmap], split: Split, size: int, device: str) -> None:
    def draw(index: Tensor) -> int:
        images, labels = split.draw(index.to(device))
        rows = slice(int(index[0]), int(index[-1]) + 1)
        for name, column in {"images": images, "person": split.person(index), **labels}.items():
            files[name][rows] = column.cpu().numpy()
        return len(index)

    chunks = torch.arange(size).split(_CHUNK[device])
    with _one_thread_each(), progress_bar(f"drawing eyes, {split.name}", size, quiet=size < _LONG) as progress:
        workers = 1 if device == "cuda" else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        pool = ThreadPoolExecutor(workers)
        try:
            for done in as_completed([pool.submit(draw, chunk) for chunk in chunks]):
                progress.advance(progress.task_ids[0], done.result())
        finally:
            pool.shutdown(cancel_futures=True)
    for file in files.values():
        file.flush()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Our threads share the cores; torch's own would only wait for each other on chunks this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    # Freeing one large block makes glibc keep the smaller ones that drawing needs, instead of handing each back to the
    # kernel, which cost a third of the time.
    torch.empty(7 * 2**20)
    try:
        yield
    finally:
        torch.set_num_threads(before)
