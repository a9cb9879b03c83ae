"""What a bench does after its cells: predictions of finished runs, criteria without target labels, ensembles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from ganzoo.benchmark.criteria import Doing, cells_that_predict, update_criteria
from ganzoo.benchmark.ensembles import update_ensembles
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.selection.readings import chosen_criteria


def update(folder: BenchFolder, doing: Doing, also: Sequence[str] = ()) -> None:
    """Write criteria.json and ensembles.jsonl, computing what they lack; `doing` is told what takes time.

    Cells without a run folder keep what the files say of them. Nothing is computed if the suite names no ensembles and
    its criteria are "none". `also` names criteria beyond the suite's.
    """
    suite, results = folder.suite(), folder.results()
    names = criteria_names(suite.criteria, also)
    if names == ("none",) and not suite.ensembles:
        return
    with _threads(folder.threads()):  # those of the cells: fitted networks are found in the cache again
        cells = cells_that_predict(folder.path, results, doing)
        if cells and names != ("none",):
            update_criteria(folder.path, cells, names, doing)
        update_ensembles(folder.path, suite, results, cells, doing)


def criteria_names(of_suite: Sequence[str], also: Sequence[str] = ()) -> tuple[str, ...]:
    """The criteria that a suite names, or all that are not on request, and further ones."""
    chosen = () if tuple(of_suite) == ("none",) else [each.name for each in chosen_criteria(of_suite)]
    return tuple(dict.fromkeys([*chosen, *also])) or ("none",)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
