"""The folder of a bench: its suite, its results, and the table and report made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.benchmark.criteria import read_criteria
from ganzoo.benchmark.criteria_table import criteria_tables
from ganzoo.benchmark.criteria_table import markdown as criteria_markdown
from ganzoo.benchmark.ensembles import ENSEMBLES, with_ensembles
from ganzoo.benchmark.page import report
from ganzoo.benchmark.people import with_people
from ganzoo.benchmark.results import Results, read_results, result_of
from ganzoo.benchmark.rows import ResultTable, comparisons
from ganzoo.benchmark.suite import Suite, parse_suite
from ganzoo.benchmark.table import csv_lines, json_text, markdown, tex
from ganzoo.configuration.layers import build_config
from ganzoo.configuration.toml import read_toml, write_toml
from ganzoo.errors import ConfigError, GanzooError, UsageError
from ganzoo.evaluation.evaluate import EvaluateConfig
from ganzoo.runs.run_folder import RunFolder
from ganzoo.turing.rows import read_scores


class BenchFolder:
    """The files in the folder --out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.suite_file = path / "bench.toml"
        self.results_file = path / "results.jsonl"
        self.people_file = path / "turing.json"  # scores of a visual Turing test, if there was one
        self.ensembles_file = path / ENSEMBLES

    def check(self, suite: Suite) -> None:
        """Raise ConfigError if the folder holds a bench of another suite, or files that are not from a bench."""
        if self.suite_file.exists():
            held = self.suite().name
            if held != suite.name:
                raise ConfigError(
                    f"{self.path} holds a bench of the suite {held!r}, not {suite.name!r}; give another --out"
                )
            self._check_metrics(suite)
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise ConfigError(f"--out {self.path} is not empty and does not hold a bench; give another folder")

    def _check_metrics(self, suite: Suite) -> None:
        """Raise ConfigError if the metrics differ: every row would be trained a second time for them."""
        held, asked = measured(self.suite()), measured(suite)
        if held != asked:
            same = f"give --metrics {','.join(held)}" if held else "leave out --metrics"
            raise ConfigError(
                f"{self.path} measures {_named(held)}, not {_named(asked)}; {same} to resume it, or give another --out "
                "to start a new bench"
            )

    def open(self, suite: Suite, threads: int) -> int:
        """Create the folder, or reopen it. Returns the threads of a cell, which never change within a folder."""
        self.check(suite)
        if self.suite_file.exists():
            threads = self.threads() or threads
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GanzooError(f"--out {self.path} cannot be written: {error.strerror}") from error
        tables = {"suite": _without_none(suite.model_dump(mode="json")), "cells": {"threads": threads}}
        RunFolder(self.path).replace(self.suite_file, write_toml(tables))
        return threads

    def threads(self) -> int | None:
        """CPU threads of a cell; None before the first bench."""
        cells = self._tables().get("cells") if self.suite_file.exists() else None
        found = cells.get("threads") if isinstance(cells, dict) else None
        return found if isinstance(found, int) and found > 0 else None

    def suite(self) -> Suite:
        """The suite of the last bench. Raises ConfigError if the folder does not hold a bench."""
        if not self.suite_file.is_file():
            raise ConfigError(
                f"{self.path} does not hold a bench: there is no bench.toml in it; give the --out of a bench"
            )
        return parse_suite(self._tables().get("suite", {}), "", str(self.suite_file))

    def results(self) -> Results:
        return read_results(self.results_file)

    def add_people(self, file: Path) -> list[str]:
        """Keep the scores of a visual Turing test with the bench. Returns the sources that are from no cell of it.

        Raises UsageError if none is from a cell, DatasetError if the file holds no such scores.
        """
        sources = read_scores(file)
        _, unknown = with_people(self.results(), sources)
        if len(unknown) == len(sources):
            raise UsageError(
                f"--turing {file}: its images ({', '.join(unknown)}) are from no run of {self.path}; make it with "
                f"--fake {self.path / 'cells'}/CELL/run"
            )
        RunFolder(self.path).replace(self.people_file, file.read_text(encoding="utf-8"))
        return unknown

    def all_results(self) -> Results:
        """The results, with those of cells that finished while no bench was there to collect them."""
        results = self.results()
        for place in sorted(self.path.glob("cells/*")):
            found = result_of(place) if place.name not in results.finished else None
            if found is not None and found[0].cell == place.name:
                results.finished[place.name] = found[0]
                results.failed.pop(place.name, None)
        return results

    def progress(self) -> str:
        """How many cells of the suite have a result, such as "17 of 30 cells"; empty if all have."""
        suite, results = self.suite(), self.all_results()
        asked = set(asked_cells(suite))
        asked -= {(each.label, each.dataset, each.seed) for each in results.failed.values() if each.declined}
        done = asked & {(each.label, each.dataset, each.seed) for each in results.finished.values()}
        return "" if done == asked else f"{len(done)} of {len(asked)} cells"

    def title(self) -> str:
        """Such as "ganzoo bench digits (17 of 30 cells)"."""
        progress = self.progress()
        return f"ganzoo bench {self.suite().name}" + (f" ({progress})" if progress else "")

    def tables(self) -> tuple[Sequence[ResultTable], Results]:
        """A table for each dataset, with ensembles and the scores of people, and the results behind them."""
        suite, results = self.suite(), self.all_results()
        shown = with_ensembles(results, read_results(self.ensembles_file), suite)
        if self.people_file.exists():
            shown, _ = with_people(shown, read_scores(self.people_file))
        return comparisons(shown, suite.reference, [*suite.methods, *suite.ensembles], list(suite.datasets)), results

    def write(self) -> tuple[Sequence[ResultTable], Results]:
        """Write table.md, .csv, .json, .tex and report.html from results.jsonl, and criteria.md from criteria.json."""
        suite, (found, results), title = self.suite(), self.tables(), self.title()
        choice = criteria_tables(read_criteria(self.path))
        page = report(
            found,
            self.path,
            title=title,
            summary=suite.summary,
            planes=suite.planes,
            damaged=results.damaged,
            criteria=choice,
            asked=asked_cells(suite),
        )
        texts: Mapping[str, str] = {
            "table.md": markdown(found, title, results.damaged),
            "table.csv": csv_lines(found),
            "table.json": json_text(found, title, results.damaged),
            "table.tex": tex(found, title),
            "report.html": page,
            **({"criteria.md": criteria_markdown(choice, title)} if choice else {}),
        }
        for name, text in texts.items():
            RunFolder(self.path).replace(self.path / name, text)
        return found, results

    def _tables(self) -> Mapping[str, Any]:
        return read_toml(self.suite_file)


def asked_cells(suite: Suite) -> list[tuple[str, str, int]]:
    """The cells of a suite: the label of the method, that of the dataset, the seed."""
    return [(m, d, s) for d in suite.datasets for m in suite.methods for s in range(suite.seeds)]


def measured(suite: Suite) -> tuple[str, ...]:
    """The metrics that a suite names; empty: all metrics that apply."""
    return build_config(EvaluateConfig, {f"suite {suite.name} [evaluate]": suite.evaluate}).metrics


def _named(metrics: Sequence[str]) -> str:
    if tuple(metrics) == ("none",):
        return "nothing (--metrics none)"
    return ",".join(metrics) or "all metrics that apply"


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return value
