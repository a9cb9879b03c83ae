"""docs/methods.md and a page for each method, from its class, docs/methods/notes/NAME.md and committed results."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from committed_results import findings_of, results_of
from gallery import ON_POINTS, PICTURES, methods_of_ganzoo
from gallery import RESULT as GALLERY
from settings_table import cell, presets_table, settings_table, with_lists

from ganzoo.applying.choice import capabilities_of
from ganzoo.batch import Column, DataSpec
from ganzoo.capabilities.base import Capability
from ganzoo.discovery.registry import registry
from ganzoo.method import Method
from ganzoo.runs.suitability import WORDS, reason_to_decline
from ganzoo.task import ClassTask, GazeTask, NoTask

DOCS = Path(__file__).parent
ROOT = DOCS.parent
MADE = "<!-- Made by docs/generate_pages.py; change what it is made from and run it again. -->"
INTRODUCTION = """# Methods

Each method has a page with its idea, its departures from the paper and their reasons, all settings and presets,
results and commands. `ganzoo run METHOD --help` lists the settings too; `--preset NAME` selects a named set of them.
The default sizes and budget of a method fit small eye images and two CPU cores.

Common to all: images are in [-1, 1]; each update draws a new batch, whereas the papers' code often uses one batch for
generator and discriminator; `batch_size` counts the images of each domain.
"""
GALLERY_INTRODUCTION = """# Gallery

What each method that makes images made after a short training on the built-in eyes (or on points of the plane). The
sheets are of one seed and none was selected: those of collapsed methods are here too. The budget of a row is that of
its bench, minutes of a CPU and far below that of any paper, so a sheet shows what a method makes in that time, not its
best. In the sheet of a generator, the last row shows images of the target.
"""
IMAGE, VECTOR, LABEL = Column((1, 36, 60)), Column((2,), "vector"), Column((2,), "vector")
DIGIT, CLASS = Column((3, 28, 28)), Column((1,), "vector")
GROUPS = {"source_group": CLASS, "target_group": CLASS}
DATA = {
    "eyes": ("images of two domains with gaze labels, such as `eyes`",
             DataSpec({"source": IMAGE, "source_label": LABEL, "target": IMAGE, "target_label": LABEL, **GROUPS},
                      GazeTask())),
    "mnist-usps": ("images of two domains with classes, such as `mnist-usps`",
                   DataSpec({"source": DIGIT, "source_label": CLASS, "target": DIGIT, "target_label": CLASS},
                            ClassTask(10))),
    "images": ("images without labels, such as `images`", DataSpec({"target": IMAGE}, NoTask())),
    "ring": ("points of the plane, such as `ring`", DataSpec({"target": VECTOR}, NoTask())),
}  # fmt: skip


def methods() -> dict[str, type[Method]]:
    """The methods that ganzoo brings, by name."""
    return {name: registry().found["methods"][name] for name in methods_of_ganzoo()}


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with its text."""
    yield DOCS / "methods.md", overview()
    yield DOCS / "gallery.md", "\n".join(gallery())
    for name, cls in methods().items():
        yield DOCS / "methods" / f"{name}.md", "\n".join(page(cls)).rstrip() + "\n"


def note(name: str) -> str:
    """What a person wrote about the method."""
    file = DOCS / "methods" / "notes" / f"{name}.md"
    if not file.exists():
        raise SystemExit(
            f"{file} is missing: write the idea of {name}, and its departures from the paper with the reasons"
        )
    return with_lists(file.read_text(encoding="utf-8").strip())


def paper(name: str) -> tuple[str, str]:
    """Such as ("Arjovsky et al.", "2017"), from the beginning of the note; empty if there is no paper."""
    found = re.match(r"((?:[A-Z][\w-]+ et al\.|[A-Z][\w-]+ and [A-Z][\w-]+)) ((?:19|20)\d\d)\b", note(name))
    return (found[1], found[2]) if found else ("", "")


def overview() -> str:
    lines = [INTRODUCTION, MADE, "", "| method | year | paper | can | what it does |\n|---|---|---|---|---|"]
    for name, cls in methods().items():
        authors, year = paper(name)
        link = f"[{authors}]({cls.paper})" if authors and cls.paper else authors
        can = ", ".join(each.replace("_", " ") for each in capabilities_of(cls))
        lines.append(f"| [`{name}`](methods/{name}.md) | {year} | {link} | {can} | {cell(cls.summary)} |")
    return "\n".join(lines) + "\n"


def gallery() -> Iterator[str]:
    """The lines of the page with all sample sheets."""
    runs = json.loads(GALLERY.read_text(encoding="utf-8"))
    yield f"{GALLERY_INTRODUCTION}\n{MADE}\n"
    for name in methods():
        if name in runs and (PICTURES / f"{name}.png").exists():
            yield f"## [`{name}`](methods/{name}.md)\n"
            yield f"![Samples of {name}](images/methods/{name}.png)\n"
            yield f"{seen()[name]} *{runs[name]['steps']:,} steps on `{runs[name]['dataset']}`.*\n"


def seen() -> dict[str, str]:
    """What a person saw in each sample sheet."""
    return tomllib.loads((DOCS / "methods" / "notes" / "samples.toml").read_text(encoding="utf-8"))


def page(cls: type[Method]) -> Iterator[str]:
    """The lines of a method's page."""
    name, (authors, year) = cls.name, paper(cls.name)
    yield f"# `{name}`\n\n{MADE}\n\n{cls.summary}\n"
    yield from _facts(cls, f"{authors} {year}")
    yield f"\n## Idea and departures from the paper\n\n{note(name)}\n"
    own = inspect.cleandoc(vars(cls).get("__doc__") or "")
    if own:
        yield f"From the source: {' '.join(own.split())}\n"
    yield from _samples(name)
    yield from _losses(name)
    yield from _data(cls)
    yield from _commands(cls)
    for title, lines in (
        ("Settings", settings_table(cls.Config)),
        ("Presets", presets_table(cls.presets)),
        ("Published findings beside ours", findings_of(name)),
        ("Results", results_of(name)),
    ):
        if made := [*lines]:
            yield f"## {title}\n"
            yield from made
            yield ""
    if [*results_of(name)]:
        yield "Means over seeds ± half the 95 % t-interval; [Results](../results.md) says what these benches show."


def _samples(name: str) -> Iterator[str]:
    """The sample sheet, and the run that it is from, if `benchmarks/gallery.py` has made one."""
    run = json.loads(GALLERY.read_text(encoding="utf-8")).get(name)
    if run is None or not (PICTURES / f"{name}.png").exists():
        return
    last = "" if run["dataset"] == "ring" else " The last row shows images of the target."
    yield f"## Samples\n\n![Samples of {name}](../images/methods/{name}.png)\n"
    yield f"The sample sheet {_of(run)}: what the method makes, not its best.{last}\n"
    yield f"{seen()[name]}\n"


def _losses(name: str) -> Iterator[str]:
    """The loss curves of the same run."""
    run = json.loads(GALLERY.read_text(encoding="utf-8")).get(name)
    if run is None or not (PICTURES / f"{name}-losses.png").exists():
        return
    yield f"## Loss curves\n\n![Losses of {name} over its steps](../images/methods/{name}-losses.png)\n"
    yield f"Every loss term {_of(run)}, as `ganzoo run` writes them to `curves.png`.\n"


def _of(run: Mapping[str, Any]) -> str:
    """Which run pictures are of."""
    settings = "default settings" if run["preset"] == "default" else f"the preset `{run['preset']}`"
    return (
        f"after {run['steps']:,} steps on `{run['dataset']}` with {settings} and seed {run.get('seed', 0)}, "
        f"{run['training_seconds']:.0f} seconds of training (`benchmarks/gallery.py`)"
    )


def _facts(cls: type[Method], who: str) -> Iterator[str]:
    source = Path(inspect.getsourcefile(cls) or "").resolve().relative_to(ROOT).as_posix()
    reads = ", ".join(WORDS.get(each, f"the column {each}") for each in cls.columns(cls.Config()))
    can = ", ".join(f"`{each}`" for each in capabilities_of(cls))
    yield "| | |\n|---|---|"
    if cls.paper:
        yield f"| paper | [{who.strip() or cls.paper}]({cls.paper}) |"
    yield f"| can | {can} |"
    yield f"| reads | {reads or 'nothing'}{_oracle(cls)} |"
    if cls.couples_batch:
        yield "| batch | samples of a batch influence each other, so it is not split into micro-batches |"
    yield f"| file | `{source}` |"


def _oracle(cls: type[Method]) -> str:
    """Whether it is given labels of the target: always, or on request."""
    if cls.is_oracle(cls.Config()):
        return " (an oracle: every table marks it)"
    if "domain" in cls.Config.model_fields and cls.is_oracle(cls.Config(domain="target")):
        return "; with `--domain target` target samples and target labels (then an oracle: every table marks it)"
    return ""


def _declined(cls: type[Method], spec: DataSpec) -> str:
    return reason_to_decline(cls, cls.Config(), spec)


def _data(cls: type[Method]) -> Iterator[str]:
    """Which data it accepts with default settings, and why it declines others."""
    yield "## Data\n\nWith default settings:\n\n| data | can be run |\n|---|---|"
    for words, spec in DATA.values():
        yield f"| {words} | {cell(_declined(cls, spec)) or 'yes'} |"
    yield "\n`ganzoo list methods --dataset NAME` says it for a dataset.\n"


def _commands(cls: type[Method]) -> Iterator[str]:
    suited = [name for name, (_, spec) in DATA.items() if not _declined(cls, spec)] or ["eyes"]
    dataset = "ring" if cls.name in ON_POINTS else suited[0]
    files = " --dataset-path FOLDER" if dataset == "images" else ""
    yield f"## Commands\n\n```sh\nganzoo run {cls.name} --dataset {dataset}{files} --out first-{cls.name}"
    for able in capabilities_of(cls).values():
        yield _apply(cls.name, able)
    yield f"ganzoo run {cls.name} --help\n```\n"


def _apply(name: str, able: Capability) -> str:
    inputs = "".join(
        " --input IMAGES" if each.column == "" else " --labels LABELS.csv" if each.column == "label"
        else f" --with {each.name}=PATH" for each in able.arguments
    ) or " --count 100"  # fmt: skip
    return f"ganzoo apply first-{name} {able.name}{inputs} --output {able.adjective}"
