"""What `ganzoo.bench` returns: the tables of a bench, for a notebook."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.rows import ResultTable
from ganzoo.benchmark.table import markdown, rich_table, score_lines
from ganzoo.errors import GanzooError

WIDTH = 120  # characters of a printed table


@dataclass(frozen=True)
class BenchResult:
    """The tables of a bench. `print` shows them, and a notebook renders them.

    `tables` has one table for each dataset, with typed rows, columns and estimates. `rows` has the same as plain
    records, for `pandas.DataFrame(result.rows)`.
    """

    folder: Path  # the bench folder, with table.csv, report.html and the runs
    title: str
    tables: Sequence[ResultTable] = ()
    failed: Mapping[str, str] | None = None  # cells that failed -> the reason
    unfinished: str = ""  # such as "17 of 30 cells"; empty if every cell has a result
    damaged: int = 0  # lines of results.jsonl that could not be read

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One record for each score of each row, with the columns of table.csv.

        Among them are `dataset`, `row`, `score`, `unit`, `seeds` (how many), `mean` over the seeds, `seed_half_width`
        of its 95 % t-interval, `low` and `high` of the 95 % interval over people or images, and `p_against_reference`.
        A number that does not exist, such as the interval of one seed, is None.
        """
        return list(score_lines(self.tables))

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<{self.title}{failed}: {len(self.rows)} scores, {self.folder}>"

    def __str__(self) -> str:
        text = io.StringIO()
        console = Console(file=text, width=WIDTH, force_jupyter=False)
        for table in self.tables:
            console.print(rich_table(table, f"{self.title} on {table.dataset}", self.damaged, WIDTH))
        return text.getvalue() or f"{self.title}: no cell has a result yet."

    def _repr_markdown_(self) -> str:
        return markdown(self.tables, self.title, self.damaged)


class FailedCellsError(GanzooError):
    """Cells of a bench failed; `result` has those that did not."""

    def __init__(self, text: str, result: BenchResult) -> None:
        super().__init__(text)
        self.result = result


def outcome_of(folder: BenchFolder, name: str) -> BenchResult:
    """What the folder holds now of the suite of that name. Nothing is written, and it may be absent."""
    title = f"ganzoo bench {name}"
    if not folder.suite_file.is_file():
        return BenchResult(folder.path, title, failed={})
    tables, results = folder.tables()
    failed = {cell: record.failed for cell, record in results.failed.items() if not record.declined}
    return BenchResult(folder.path, folder.title(), tables, failed, folder.progress(), results.damaged)
