"""docs/contract.md is made from the code, and docs/write-a-method.md works as it is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import IMPORTS, ROOT
from extras import needs

from ganzoo.benchmark.results import read_results
from ganzoo.discovery import hookspecs
from ganzoo.discovery.registry import KINDS, Registry
from ganzoo.testing import generate_checks

TUTORIAL = (ROOT / "docs" / "write-a-method.md").read_text(encoding="utf-8")


FOUND = Registry().found
NAMES = sorted(
    (kind, name) for kind, found in FOUND.items() for name, cls in found.items() if cls.__module__.startswith("ganzoo_")
)


def test_the_page_of_the_contract_is_what_the_docstrings_say():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate_contract.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_pages_of_methods_and_metrics_are_what_their_sources_say():
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate_pages.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("kind", "name"), [each for each in NAMES if each[0] in ("methods", "metrics")])
def test_every_method_and_metric_has_a_page_with_its_settings(kind, name):
    text = (ROOT / "docs" / kind / f"{name}.md").read_text(encoding="utf-8")
    config = FOUND[kind][name].Config
    prefix = f"{name}-" if kind == "metrics" else ""
    for field in config.model_fields:
        assert f"`--{prefix}{field.replace('_', '-')}`" in text
    assert f"({kind}/{name}.md)" in (ROOT / "docs" / f"{kind}.md").read_text(encoding="utf-8")


def test_metrics_have_the_direction_that_their_notes_say():
    """Checked against the scores in committed benches."""
    said = {}
    for file in (ROOT / "docs" / "metrics" / "notes").glob("*.md"):
        line = re.search(r"^direction: (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        said |= dict(re.findall(r"`(\w+)` ([↑↓])", line[1])) if line else {}
    measured = {
        score.name.split("[")[0]: score.better
        for file in (ROOT / "benchmarks" / "results").glob("bench-*/results.jsonl")
        for record in read_results(file).finished.values()
        for score in record.scores
    }
    arrows = {"lower": "↓", "higher": "↑"}
    both = said.keys() & measured.keys()
    assert {"fid", "gaze_within_7_deg", "modes_covered", "pupil_shift_px"} <= both
    assert {name: said[name] for name in both} == {name: arrows[measured[name]] for name in both}


def test_every_class_of_the_contract_is_described_in_words_of_its_own():
    """A class without a docstring would show that of its base, which for a protocol is Python's."""
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    said = re.findall(r"^### `ganzoo\.[\w.]+`\n(.*)$", page, re.MULTILINE)
    assert len(said) > 30
    assert len(set(said)) == len(said)
    assert [line for line in said if not line.endswith(".")] == []


def test_every_hook_is_for_a_kind_of_plugin():
    assert {name for name in vars(hookspecs) if name.startswith("ganzoo_")} == {f"ganzoo_{kind}" for kind in KINDS}


def files_of_the_tutorial(folder: Path) -> list[Path]:
    found = re.findall(r'^```python title="(\w+\.py)"\n(.*?)^```$', TUTORIAL, re.MULTILINE | re.DOTALL)
    for name, text in found:
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name, _ in found]


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_name_that_ganzoo_brings_stands_on_a_page(kind, name):
    pages = (ROOT / "docs").glob("*.md")
    assert any(f"`{name}`" in page.read_text(encoding="utf-8") for page in pages)


def test_the_methods_of_the_tutorial_keep_the_contract(tmp_path):
    registry = Registry()
    for file in files_of_the_tutorial(tmp_path):
        registry.add_file(file)
    for cls, check in generate_checks([registry.get("methods", name) for name in ("wgan-gp-conv", "label-gan")]):
        check(cls)


@pytest.mark.slow
def test_the_tutorial_works_as_it_is_written(tmp_path):
    """Every block, in an environment that has ganzoo and what it needs; nothing is fetched."""
    needs("test")  # hatchling, which builds the package
    place, folder = tmp_path / "environment", tmp_path / "empty"
    venv.create(place, symlinks=os.name != "nt")
    base = {"base": str(place), "platbase": str(place)}
    own, scripts = (Path(sysconfig.get_path(what, "venv", base)) for what in ("purelib", "scripts"))
    (own / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for command in ("ganzoo", "pip"):
        (scripts / command).write_text(f'#!/bin/sh\nexec "{scripts / "python"}" -m {command} "$@"\n')
        (scripts / command).chmod(0o755)
    folder.mkdir()
    files_of_the_tutorial(folder)
    blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    assert len(blocks) == TUTORIAL.count("\n```") // 2 - 2
    said = []
    for block in blocks:
        done = subprocess.run(
            [shutil.which("sh") or "sh", "-euc", block], cwd=folder, capture_output=True, text=True, timeout=3600,
            env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200",
                 "PYTHONPATH": IMPORTS, "PIP_NO_BUILD_ISOLATION": "0"},
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        said.append(done.stdout)
    check, _, bench, package, labelled = said
    assert ", 0 failed" in check
    assert ", 0 failed" in labelled
    table = {line.split()[0]: line for line in bench.splitlines() if line.strip()}
    assert "wgan-gp-conv" in table
    assert "dcgan" in table
    assert re.search(
        r"^ *wgan-gp-conv +methods: wgan-gp-conv +ganzoo-wgan-gp-conv +0\.1\.0 +2 +ok", package, re.MULTILINE
    )
    assert list((folder / "first-run" / "samples").glob("*.png"))
    assert (folder / "first-bench" / "report.html").is_file()
