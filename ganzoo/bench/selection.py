"""What a bench does after its cells: predictions of finished runs, criteria without target labels, ensembles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ganzoo.bench.criteria import Doing, cells_that_predict, update_criteria
from ganzoo.bench.ensembles import update_ensembles
from ganzoo.bench.folder import BenchFolder


def update(folder: BenchFolder, doing: Doing) -> None:
    """Write criteria.json and ensembles.jsonl, computing what they lack; `doing` is told what takes time.

    Cells without a run folder keep what the files say of them. Nothing is computed if the suite names no ensembles and
    its criteria are "none".
    """
    suite, results = folder.suite(), folder.results()
    if suite.criteria == ("none",) and not suite.ensembles:
        return
    with _threads(folder.threads()):  # those of the cells: fitted networks are found in the cache again
        cells = cells_that_predict(folder.path, results, doing)
        if cells and suite.criteria != ("none",):
            update_criteria(folder.path, cells, suite.criteria, doing)
        update_ensembles(folder.path, suite, results, cells, doing)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
