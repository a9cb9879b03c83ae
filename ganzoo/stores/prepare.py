"""Converts an archive to a store: on all cores, piece by piece, resumable."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

from ganzoo import __version__
from ganzoo.batch import set_spec
from ganzoo.errors import GanzooError
from ganzoo.files.archive import Archive, Piece
from ganzoo.files.store import Store
from ganzoo.progress import progress_bar
from ganzoo.stores.writer import StoreWriter

AHEAD = 2  # pieces that wait for the writer, per process: bounds the memory
WORTH_PROCESSES = 16  # fewer pieces are read faster than processes can start
RESERVE = 1.1  # of the space that the store will take


def prepare(
    archive: Archive,
    path: Path,
    *,
    jobs: int = 0,
    quiet: bool = False,
    finishing: Callable[[Path], object] | None = None,
) -> Store:
    """Prepare the store `path` of an archive; `jobs` processes read (0: one per core).

    `finishing` is called with the folder of the complete store, before it is renamed, and may add to it.

    Raises GanzooError if the archive is not as expected, or if the disk is full or cannot be written.
    """
    names = archive.pieces()
    channels, height, width = archive.image_shape
    settings = archive.config.model_dump(mode="json")
    identity = {
        "archive": archive.name,
        "settings": settings,
        "version": __version__,
        "raw folder": str(archive.path.resolve()),
        "number of pieces": len(names),
    }
    writer = StoreWriter(path, identity, archive.image_shape)
    if writer.was_finished():
        return Store(path)
    jobs = jobs or os.cpu_count() or 1
    with writer.open() as done:
        if done != list(names[: len(done)]):
            raise GanzooError(f"{writer.aside} was started from other files than {archive.path} has now; delete it")
        rest = names[len(done) :]
        with progress_bar(f"preparing {archive.name}", len(names), quiet=quiet) as progress:
            progress.update(progress.task_ids[0], completed=len(done))
            for name, piece in _read(archive, rest, jobs):
                if not writer.rows and len(piece.images):
                    _check_space(path, piece.images.nbytes * len(names))
                writer.write(name, piece)
                progress.advance(progress.task_ids[0])
    writer.finish(
        {
            "name": archive.name,
            "summary": archive.summary,
            "homepage": archive.homepage,
            "license": archive.license,
            "citation": archive.citation,
            "domain": archive.domain,
            "spec": set_spec(channels, height, width, archive.task).as_table(),
            "conventions": dict(archive.conventions),
            "recipe": dict(archive.recipe()),
            "settings": {key: value for key, value in settings.items() if value is not None},
            "ganzoo": __version__,
        },
        finishing,
    )
    return Store(path)


def _read(archive: Archive, names: Sequence[str], jobs: int) -> Iterator[tuple[str, Piece]]:
    """The pieces in order, read by several processes that stay a little ahead."""
    with _pool(jobs if len(names) >= WORTH_PROCESSES else 1) as pool:
        waiting: deque[tuple[str, Future[Piece]]] = deque()
        ahead = iter(names)
        try:
            for name in ahead:
                waiting.append((name, pool.submit(archive.read, name)))
                if len(waiting) >= AHEAD * jobs:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        except BrokenProcessPool as error:
            raise GanzooError(
                "a process that read the archive was killed (out of memory?); run the same command again "
                "to resume, with --jobs 1 for less memory"
            ) from error
        finally:
            for _, future in waiting:
                future.cancel()


@contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    pool: Executor
    # processes are spawned, because a fork copies locks that torch's threads may hold
    if jobs == 1:
        pool = ThreadPoolExecutor(1)
    else:
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End a reader when its parent is killed; it would otherwise wait forever and keep its memory."""

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    Thread(target=wait, daemon=True).start()


def _check_space(path: Path, images: int) -> None:
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    free, wanted = shutil.disk_usage(there).free, int(RESERVE * images)
    if free < wanted:
        raise GanzooError(f"{path} needs about {wanted / 2**20:,.0f} MiB, but {free / 2**20:,.0f} MiB are free")
