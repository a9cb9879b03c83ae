"""Checks whether a store matches its card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from ganzoo.errors import DatasetError
from ganzoo.files.guard import reading
from ganzoo.files.store import IMAGES, LABELS, Store
from ganzoo.progress import progress_bar
from ganzoo.stores.writer import file_digest

UNIT = 1e-3  # how far the length of a gaze vector may be from 1
BLOCK = 4_096


def problems(store: Store) -> Iterator[str]:
    """What is wrong with a store, one sentence each: checksums, label ranges, equal images in two splits."""
    try:
        for file in (IMAGES, LABELS):
            with reading(store.path / file, "file"):
                found = file_digest(store.path / file)
            if found != store.card.get("checksums", {}).get(file):
                yield f"{file} has a different checksum than the card: it was changed or damaged; prepare it again"
        yield from _labels(store)
        yield from _duplicates(store)
    except DatasetError as error:
        yield str(error)


def _labels(store: Store) -> Iterator[str]:
    labels = store.labels()
    if labels is None:
        yield "there are no labels: it can be a target, but not a source"
        return
    absent = ~np.isfinite(labels).all(1)
    if absent.any():
        yield f"{absent.sum():,} of {len(labels):,} images have no label: it can be a target, but not a source"
    if problem := store.spec.task.problem(labels[~absent]):
        yield problem
    if "gaze" in store.columns:
        length = np.linalg.norm(store.column("gaze"), axis=1)
        odd = np.abs(length - 1) > UNIT
        if (odd & ~absent).any():
            yield f"{(odd & ~absent).sum():,} gaze vectors are not of unit length"


def _duplicates(store: Store) -> Iterator[str]:
    """Equal images in training and test, or of two people: a test on them is meaningless."""
    for column in ("split", "person"):
        if column not in store.columns:
            continue
        first: dict[bytes, str] = {}
        shared, of = 0, store.column(column).astype(str)
        with progress_bar(f"looking for images in two {column}s", len(store)) as bar:
            for start in range(0, len(store), BLOCK):
                for row, image in enumerate(store.images[start : start + BLOCK], start):
                    key = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
                    shared += first.setdefault(key, of[row]) != of[row]
                bar.advance(bar.task_ids[0], BLOCK)
        if shared:
            yield f"{shared:,} images are in more than one {column}"
