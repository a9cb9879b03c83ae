"""docs/contract.md says what the code says, and docs/write-a-method.md works as it is written."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path
from types import FunctionType

import pytest
from conftest import ROOT

from ganzoo import CONTRACT, hookspecs
from ganzoo.registry import KINDS, Registry
from ganzoo.testing import CHECKS, generate_checks

PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
TUTORIAL = (ROOT / "docs" / "write-a-method.md").read_text(encoding="utf-8")
MODULES = ("method", "batch", "task", "settings", "dataset", "metric", "tracker", "files.archive")


def rows(text):
    """Name -> meaning of the table in a piece of the page; "refine(source)" is "refine"."""
    found = re.findall(r"^\| `([^`(]+)[^`]*` \| (.+) \|$", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "a row stands twice"
    return dict(found)


def sections():
    """Class -> the text of its section."""
    parts = re.split(r"^### `(ganzoo\.[\w.]+)`\n", PAGE.split("\n## Checks\n")[0], flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def classes():
    for name in MODULES:
        module = importlib.import_module(f"ganzoo.{name}")
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and not cls.__name__.startswith("_"):
                yield pytest.param(cls, id=f"{name}.{cls.__name__}")


def members(cls):
    """What a class declares by itself: annotated fields, methods and properties."""
    made = {name for name, value in vars(cls).items() if isinstance(value, FunctionType | property | classmethod)}
    return {name for name in made | set(inspect.get_annotations(cls)) if not name.startswith(("_", "model_"))}


@pytest.mark.parametrize("cls", list(classes()))
def test_every_class_of_the_contract_is_described_with_every_field(cls):
    text = sections()[f"{cls.__module__}.{cls.__name__}"]
    described = rows(text)
    assert set(described) == members(cls)
    for name, meaning in described.items():
        assert meaning[-1] in ".`", f"the meaning of {name} is no sentence: {meaning}"
        value = vars(cls).get(name)
        if isinstance(value, FunctionType) and name not in inspect.get_annotations(cls):
            arguments = [each for each in inspect.signature(value).parameters if each != "self"]
            shown = re.search(rf"^\| `{name}\(([^`]*)\)`", text, re.MULTILINE).group(1)
            assert re.findall(r"\w+", shown) == arguments
    assert text.split("\n")[0].endswith(".")


def test_no_class_is_described_that_there_is_not():
    known = {f"{case.values[0].__module__}.{case.values[0].__name__}" for case in classes()}
    assert set(sections()) == known


def test_every_hook_is_described():
    hooks = {name for name in vars(hookspecs) if name.startswith("ganzoo_")}
    described = rows(PAGE.split("## Hooks\n")[1].split("\n## ")[0])
    assert set(described) == hooks
    assert hooks == {f"ganzoo_{kind}" for kind in KINDS}
    for kind, base in KINDS.items():
        assert f"`{base.__module__}.{base.__name__}`" in described[f"ganzoo_{kind}"]


def test_every_check_is_described_by_its_rule():
    described = rows(PAGE.split("\n## Checks\n")[1])
    assert set(described) == {check.name for check in CHECKS}
    for check in CHECKS:
        bases = check.kind if isinstance(check.kind, tuple) else (check.kind,)
        kinds = ", ".join(f"{base.__name__.lower()}s" for base in bases)
        assert described[check.name] == f"{kinds}{' (slow)' if check.slow else ''} | {check.rule}"


NAMES = sorted({(kind, name) for kind, found in Registry().found.items() for name, cls in found.items()
                if cls.__module__.startswith("ganzoo_")})  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_name_that_ganzoo_brings_stands_on_a_page(kind, name):
    pages = (ROOT / "docs").glob("*.md")
    assert any(f"`{name}`" in page.read_text(encoding="utf-8") for page in pages)


def test_the_page_names_the_contract_of_this_version():
    assert f"`ganzoo_contract = {CONTRACT}`" in PAGE


def file_of_the_tutorial(folder: Path) -> Path:
    name, text = re.search(r'^```python title="(\w+\.py)"\n(.*?)^```$', TUTORIAL, re.MULTILINE | re.DOTALL).groups()
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_the_method_of_the_tutorial_keeps_the_contract(tmp_path):
    registry = Registry()
    registry.add_file(file_of_the_tutorial(tmp_path))
    for cls, check in generate_checks([registry.get("methods", "wgan-gp")]):
        check(cls)


@pytest.mark.slow
def test_the_tutorial_works_as_it_is_written(tmp_path):
    """Every block, in an environment that has ganzoo and what it needs; nothing is fetched."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the package, is not installed")
    place, folder = tmp_path / "environment", tmp_path / "empty"
    venv.create(place, symlinks=os.name != "nt")
    base = {"base": str(place), "platbase": str(place)}
    own, scripts = (Path(sysconfig.get_path(what, "venv", base)) for what in ("purelib", "scripts"))
    (own / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    for command in ("ganzoo", "pip"):
        (scripts / command).write_text(f'#!/bin/sh\nexec "{scripts / "python"}" -m {command} "$@"\n')
        (scripts / command).chmod(0o755)
    folder.mkdir()
    file_of_the_tutorial(folder)
    blocks = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    assert len(blocks) == TUTORIAL.count("\n```") // 2 - 1
    said = []
    for block in blocks:
        done = subprocess.run(
            [shutil.which("sh") or "sh", "-euc", block], cwd=folder, capture_output=True, text=True, timeout=3600,
            env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200",
                 "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}", "PIP_NO_BUILD_ISOLATION": "0"},
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        said.append(done.stdout)
    check, _, bench, package = said
    assert "29 ok, 0 failed, 1 skipped" in check
    table = {line.split()[0]: line for line in bench.splitlines() if line.strip()}
    assert "wgan-gp" in table
    assert "dcgan" in table
    assert re.search(r"^ *wgan-gp +methods: wgan-gp +ganzoo-wgan-gp +0\.1\.0 +1 +ok", package, re.MULTILINE)
    assert list((folder / "first-run" / "samples").glob("*.png"))
    assert (folder / "first-bench" / "report.html").is_file()
