"""docs/metrics.md and a page for each metric, from its class and docs/metrics/notes/NAME.md.

A note begins with lines `key: value`: what the metric applies to, its scores, its baselines, the direction and unit of
its scores, and the files of its tests.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from settings_table import cell, settings_table, with_lists

from ganzoo.discovery.registry import registry
from ganzoo.metric import Metric

DOCS = Path(__file__).parent
ROOT = DOCS.parent
TESTS = ROOT / "tests" / "plugins"
MADE = "<!-- Made by docs/generate_pages.py; change what it is made from and run it again. -->"
KEYS = ("applies to", "scores", "baselines", "direction", "tests")


def metrics() -> dict[str, type[Metric]]:
    """The metrics that ganzoo brings, by name."""
    found = registry().found["metrics"]
    return {name: found[name] for name in sorted(found) if found[name].__module__.startswith("ganzoo_")}


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with its text."""
    yield DOCS / "metrics.md", overview()
    for name, cls in metrics().items():
        yield DOCS / "metrics" / f"{name}.md", "\n".join(page(cls)).rstrip() + "\n"


def note(name: str) -> tuple[dict[str, str], str]:
    """The keys and the text that a person wrote about a metric."""
    file = DOCS / "metrics" / "notes" / f"{name}.md"
    if not file.exists():
        raise SystemExit(f"{file} is missing: write the lines {', '.join(KEYS)}, then what {name} measures and misses")
    head, text = file.read_text(encoding="utf-8").split("\n\n", 1)
    keys = dict(line.split(": ", 1) for line in head.splitlines())
    if tuple(keys) != KEYS:
        raise ValueError(f"docs/metrics/notes/{name}.md begins with {', '.join(keys)}, not {', '.join(KEYS)}")
    return keys, with_lists(text.strip())


def overview() -> str:
    lines = [
        "| metric | applies to | scores (those in **bold** are in the final table) | direction and unit | baselines |"
    ]
    lines.append("|---|---|---|---|---|")
    for name, cls in metrics().items():
        keys, _ = note(name)
        asked = "" if cls.by_default or _datasets(name) else ", on request"
        cells = (keys["applies to"], keys["scores"], keys["direction"], keys["baselines"])
        lines.append(f"| [`{name}`](metrics/{name}.md){asked} | {' | '.join(map(cell, cells))} |")
    text = (DOCS / "metrics" / "notes" / "overview.md").read_text(encoding="utf-8")
    return with_lists(text.replace("@TABLE@", f"{MADE}\n\n" + "\n".join(lines))) + "\n"


def _datasets(metric: str) -> list[str]:
    """The datasets on which it is measured by default, if others need to name it."""
    return [name for name, cls in registry().found["datasets"].items() if metric in cls.metrics]


def page(cls: type[Metric]) -> Iterator[str]:
    """The lines of a metric's page."""
    keys, text = note(cls.name)
    yield f"# `{cls.name}`\n\n{MADE}\n\n{cls.summary}\n"
    yield "| | |\n|---|---|"
    yield f"| applies to | {cell(keys['applies to'])} |"
    usual = ", ".join(f"`{each}`" for each in _datasets(cls.name))
    asked = f"on request: `--metrics {cls.name}`" + (f"; by default on {usual}" if usual else "")
    yield f"| measured | {'by default' if cls.by_default else asked} |"
    yield f"| scores (**bold**: in the final table) | {cell(keys['scores'])} |"
    yield f"| direction and unit (↓ lower is better, ↑ higher) | {cell(keys['direction'])} |"
    yield f"| baselines | {cell(keys['baselines'])} |"
    source = Path(inspect.getsourcefile(cls) or "").resolve().relative_to(ROOT).as_posix()
    yield f"| file | `{source}` |"
    yield f"\n## What it measures, and what it misses\n\n{text}\n"
    if lines := [*settings_table(cls.Config, f"{cls.name}-")]:
        yield "## Settings\n"
        yield from lines
        yield ""
    yield "## Tested against\n\n| test | what it checks |\n|---|---|"
    for name in keys["tests"].split():
        file = TESTS / (f"{name}.py" if "/" in name else f"metrics/{name}.py")
        said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        yield f"| `{file.relative_to(ROOT).as_posix()}` | {cell(said)} |"
