"""A bench whose cells this process runs, one after the other: what other ways of running it are compared with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import torch

from ganzoo.benchmark.cell import cells_of
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.suite import parse_suite
from ganzoo.benchmark.work import work
from ganzoo.configuration.toml import write_toml


def bench_here(out: Path, text: str) -> BenchFolder:
    """The folder of the suite `text`, with a result in every cell that nothing has collected yet."""
    suite = parse_suite(tomllib.loads(text), "toy", "toy.toml")
    folder = BenchFolder(out)
    folder.open(suite, 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the processes of other benches: more threads round otherwise
    try:
        for cell in cells_of(suite, {}):
            place = out / "cells" / cell.id
            place.mkdir(parents=True)
            (place / "cell.toml").write_text(write_toml(cell.tables()))
            work(place)
    finally:
        torch.set_num_threads(threads)
    return folder


def collected(folder: BenchFolder) -> BenchFolder:
    """The same with results.jsonl and the tables."""
    for place in sorted(folder.path.glob("cells/*")):
        with folder.results_file.open("a") as file:
            file.write((place / "result.json").read_text().rstrip("\n") + "\n")
    folder.write()
    return folder
