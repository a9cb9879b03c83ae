"""A bench for others: table, report, settings, cards and data fingerprints, and a README for people.

A published folder is a bench folder without weights: `ganzoo report`, `ganzoo bench --merge` and `ganzoo reproduce`
read it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ganzoo.benchmark.folder import BenchFolder
from ganzoo.benchmark.merge import merge
from ganzoo.benchmark.record import FinishedRecord
from ganzoo.benchmark.results import Results
from ganzoo.benchmark.rows import ResultTable
from ganzoo.benchmark.suite import Suite
from ganzoo.benchmark.table import markdown
from ganzoo.configuration.toml import without_none, write_toml
from ganzoo.runs.run_folder import RunFolder

FILES = """
| file | what |
|---|---|
| `table.md`, `.csv`, `.json`, `.tex` | the table |
| `report.html` | the table with samples, curves, settings; one file that opens offline |
| `results.jsonl` | a line for each cell: scores with cards, settings, data fingerprints, seconds, versions, commit |
| `suite.toml` | the suite, which `ganzoo bench` can run |
| `cells/` | for each cell: its settings, its result, a sample sheet, its loss curves |
"""


def publish(bench: BenchFolder, to: Path) -> BenchFolder:
    """Write the published folder, which must be new or empty. Raises ConfigError if it is not, or without a bench."""
    out = BenchFolder(to)
    merge([bench], out)
    found, results = out.write()
    suite = out.suite()
    RunFolder(to).replace(to / "suite.toml", write_toml(without_none(suite.model_dump(mode="json"))))
    RunFolder(to).replace(to / "README.md", _readme(suite, found, results))
    return out


def _readme(suite: Suite, tables: Sequence[ResultTable], results: Results) -> str:
    records = list(results.finished.values())
    parts = [f"# Bench {suite.name}\n"]
    parts += [f"{suite.summary}\n"] if suite.summary else []
    table = markdown(tables, "Results", results.damaged)
    parts += [re.sub("^#", "##", table, flags=re.MULTILINE)]  # a section of this page
    parts += ["## Data\n", *_data(records), "", "## Made with\n", *_made_with(records), "", "## Files", FILES]
    parts += ["## Again\n", "```sh", "pip install ganzoo", *_commands(records), "```", ""]
    return "\n".join(parts)


def _data(records: Sequence[FinishedRecord]) -> list[str]:
    """Each dataset with what its card says, fingerprints included."""
    cards = {str(record.dataset): record.dataset_card for record in records}
    return [f"- **{name}**: {_words(card)}" for name, card in cards.items()]


def _words(card: object) -> str:
    if isinstance(card, dict):
        return "; ".join(f"{key}: {_words(value)}" for key, value in card.items() if value not in (None, "", {}, []))
    return f"`{card}`" if isinstance(card, str) and card.isalnum() else str(card)


def _made_with(records: Sequence[FinishedRecord]) -> list[str]:
    keys = ("device", "cpu_threads", "precision", "torch", "python", "system")
    said = {f"ganzoo {record.code}": None for record in records}
    for key in keys:
        values = dict.fromkeys(str(record.environment[key]) for record in records if key in record.environment)
        said |= {f"{key}: {', '.join(values)}": None} if values else {}
    return [f"- {each}" for each in said]


def _commands(records: Sequence[FinishedRecord]) -> list[str]:
    rows = dict.fromkeys(record.label for record in records)
    return ["ganzoo bench suite.toml          # all of it, on your machine",
            *[f"ganzoo reproduce . --row {row}" for row in rows]]  # fmt: skip
