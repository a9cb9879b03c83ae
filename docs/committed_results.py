"""What the committed benches and the published findings say of a method or a metric."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.rows import ResultTable
from ganzoo.benchmark.table import heading, number

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
sys.path.append(str(ROOT / "benchmarks"))
from findings import Finding, measured  # noqa: E402


@cache
def benches() -> dict[str, tuple[ResultTable, ...]]:
    """The tables of each committed bench. A folder of results without a suite belongs to another bench's page."""
    folders = [path.parent for path in sorted(RESULTS.glob("bench-*/bench.toml"))]
    return {folder.name: tuple(BenchFolder(folder).tables()[0]) for folder in folders}


def results_of(method: str) -> Iterator[str]:
    """The lines of a table with the rows of a method; none if no committed bench has it."""
    lines = []
    for bench, tables in benches().items():
        for table in tables:
            for row in table.rows:
                if row.method != method or row.rival:
                    continue
                scores = []
                for column in table.columns:
                    for estimate in row.scores[column.name]:
                        half = f" ± {number(estimate.half)}" if estimate.half else ""
                        scores.append(f"{heading(column)} {number(estimate.mean)}{half}")
                if scores:
                    seeds = len(row.records)
                    lines.append(f"| `{bench}` | `{table.dataset}` | `{row.shown}` | {seeds} | {'; '.join(scores)} |")
    if lines:
        yield "| bench | dataset | row | seeds | scores |\n|---|---|---|---:|---|"
        yield from lines


@cache
def findings() -> tuple[tuple[int, Finding], ...]:
    """The published findings, with their number on docs/findings.md."""
    document = tomllib.loads((ROOT / "benchmarks" / "findings.toml").read_text(encoding="utf-8"))
    return tuple(enumerate((Finding.model_validate(each) for each in document["finding"]), 1))


def findings_of(method: str) -> Iterator[str]:
    """The lines of a table with the published findings about a method beside ours; none if there are none."""
    lines = []
    for at, each in findings():
        if each.method == method:
            text, seeds, said = measured(each.ours) if each.ours else ("", 0, "not tried")
            link = f"[{each.claim}](../findings.md#{at}-{each.method})"
            lines.append(f"| {link} | {each.published} ({each.trust}) | {text} | {seeds or ''} | **{said}** |")
    if lines:
        yield "| claim | published | ours | seeds | verdict |\n|---|---|---|---:|---|"
        yield from lines
