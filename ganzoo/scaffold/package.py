"""Writes an installable package for a new plugin from the templates next to this file."""

from __future__ import annotations

import datetime
import re
import shutil
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from ganzoo import CONTRACT, __version__
from ganzoo.errors import GanzooError, UsageError
from ganzoo.scaffold.names import Names

KINDS = ("refiner", "generator", "predictor", "dataset", "metric", "criterion", "tracker", "capability")
LICENSES = {"mit": "MIT", "apache-2.0": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "none": ""}
TRY = {
    "refiner": "ganzoo run $name --dataset eyes",
    "generator": "ganzoo run $name --dataset eyes",
    "predictor": "ganzoo run $name --dataset eyes",
    "dataset": "ganzoo run simgan --dataset $name",
    "metric": "ganzoo run simgan --dataset eyes --metrics $name",
    "criterion": "ganzoo choose bench-runs/quick --by $name",
    "tracker": "ganzoo run simgan --dataset eyes --track $name",
    "capability": "ganzoo list capabilities",
}


def write_package(folder: Path, names: Names, kind: str, *, license: str, author: str) -> list[str]:
    """Write the package into `folder`, which must not exist. Returns the paths of its files in it.

    It is complete or absent. Raises UsageError for a folder that exists and for a class name that the
    template itself needs, and GanzooError if nothing can be written.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists; name another folder with --out, or another plugin")
    contents = _contents(names, kind, license, author.strip() or f"the authors of {names.package}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".ganzoo-new-", dir=folder.parent) as aside:
            made = Path(aside) / "package"
            for file, text in contents.items():
                (made / file).parent.mkdir(parents=True, exist_ok=True)
                (made / file).write_text(text, encoding="utf-8")
            shutil.copytree(made, folder)  # with the permissions of an ordinary new folder
    except FileExistsError as error:
        raise UsageError(f"{folder} exists; name another folder with --out, or another plugin") from error
    except OSError as error:
        raise GanzooError(f"{folder} cannot be written: {error.strerror}") from error
    return sorted(contents)


def _contents(names: Names, kind: str, license: str, author: str) -> dict[str, str]:
    templates = files("ganzoo.scaffold") / "templates"
    module = _read(templates / "kinds" / f"{kind}.py.in")
    if re.search(rf"\b{names.cls}\b", module):
        raise UsageError(f"{names.name!r}: the class would be called {names.cls}, which the module uses for something "
                         "else; use another name")  # fmt: skip
    words = {
        "name": names.name,
        "package": names.package,
        "module": names.module,
        "cls": names.cls,
        "function": names.name.replace("-", "_"),
        "kind": kind,
        "author": author,
        "year": str(datetime.date.today().year),
        "contract": str(CONTRACT),
        "version": __version__,
        "try": Template(TRY[kind]).substitute(name=names.name),
        "license_lines": f'license = "{LICENSES[license]}"\nlicense-files = ["LICENSE"]\n' if LICENSES[license] else "",
        "license_sentence": f"Under the licence {LICENSES[license]}, see LICENSE." if LICENSES[license] else
        "There is no licence yet: others may only read it. Choose one before you publish it.",
    }  # fmt: skip
    sources = {
        f"{names.module}.py": module,
        f"tests/test_{names.module}.py": _read(templates / "test.py.in"),
        "pyproject.toml": _read(templates / "pyproject.toml.in"),
        "README.md": _read(templates / "README.md.in"),
        ".gitignore": _read(templates / "gitignore.in"),
        ".github/workflows/check.yml": _read(templates / "check.yml.in"),
    }
    if LICENSES[license]:
        sources["LICENSE"] = _read(templates / "licenses" / f"{license}.in")
    return {file: Template(text).substitute(words) for file, text in sources.items()}


def _read(template: Traversable) -> str:
    return template.read_text(encoding="utf-8")
