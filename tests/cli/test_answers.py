"""What `ganzoo list` and `--help` print is kept, shown again without torch, and never when it would be out of date."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ROOT

from ganzoo.cli import COMMANDS, answers
from ganzoo.discovery.registry import Plugin, registry

PLUGIN = """
from ganzoo import hookimpl
from ganzoo.method import Method
ganzoo_contract = 2
class Kept(Method):
    name, summary, paper = "kept-method", "{summary}", ""
    reads = ()
    def phases(self): return {{}}
@hookimpl
def ganzoo_methods(): return [Kept]
"""
LINES = [[name, "--help"] for name in COMMANDS] + [
    ["list"], ["list", "methods"], ["list", "plugins"], ["plugin", "list"], ["run", "simgan", "--help"],
    ["run", "simgan", "--dataset", "ring", "--preset", "averaged", "--help"], ["bench", "toy", "--help"],
    ["data", "prepare", "--help"], ["data", "prepare", "mnist", "--help"], ["turing", "make", "--help"],
]  # fmt: skip
ALL = """
import sys
from ganzoo.cli import main
for words in LINES:
    sys.argv = ["ganzoo", *words]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)
    sys.stdout.flush()
    print(words, {name for name in ("torch", "numpy", "rich") if name in sys.modules}, file=sys.stderr)
"""


def installed(folder: Path, name: str) -> Path:
    """A package with one plugin, as pip would leave it in a folder of sys.path; older than the rule of what changed
    just now. Returns its file."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ganzoo]\n{name} = {name}\n")
    return written(folder / f"{name}.py", PLUGIN.format(summary="First words."))


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    return aged(file)


def aged(file: Path) -> Path:
    for each in (file, *file.parent.glob("*-info/*")):
        os.utime(each, (each.stat().st_atime, each.stat().st_mtime - 60))
    return file


def started(lines: list[list[str]], folder: Path, cache: Path) -> tuple[str, str]:
    """What a new process prints for these command lines: standard output, and after each the modules it has."""
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", ALL.replace("LINES", repr(lines))], cwd=ROOT.parent, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "GANZOO_CACHE": str(cache)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_help_and_lists_need_no_torch_and_follow_the_files_of_plugins(tmp_path):
    plugin, cache = installed(tmp_path / "packages", "keptplugin"), tmp_path / "cache"
    first, _ = started(LINES, plugin.parent, cache)
    again, modules = started(LINES, plugin.parent, cache)
    assert "kept-method" in first
    assert "First words." in first
    assert again == first
    assert modules.splitlines() == [f"{words} set()" for words in LINES]

    written(plugin, PLUGIN.format(summary="Other words."))
    listed, _ = started([["list", "methods"]], plugin.parent, cache)
    assert "Other words." in listed
    assert "First words." not in listed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An installed package, and a cache without answers; this process has imported the package."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["ganzoo", "list"])
    file = installed(tmp_path / "packages", "watchedplugin")
    monkeypatch.syspath_prepend(str(file.parent))
    spec = importlib.util.spec_from_file_location("watchedplugin", file)
    assert spec is not None
    monkeypatch.setitem(sys.modules, "watchedplugin", importlib.util.module_from_spec(spec))
    registry()
    return file.parent


def printed(text: str, *, code: int = 0, error: str = "", args: tuple[str, ...] = ("list",)) -> str | None:
    """Keep what a command printed, and return what is known of it then."""
    with suppress(SystemExit), answers.keeping(args):
        print(text)
        print(error, end="", file=sys.stderr)
        sys.exit(code)
    return answers.kept_answer(args)


CHANGES = {
    "a file of a plugin": lambda folder: written(folder / "watchedplugin.py", "x = 1"),
    "its entry points": lambda folder: (folder / "watchedplugin-1.0.dist-info" / "entry_points.txt").write_text(""),
    "another package": lambda folder: (folder / "other-1.0.dist-info").mkdir(),
    "a package less": lambda folder: (folder / "watchedplugin-1.0.dist-info").rename(folder / "gone"),
    "a file with an older time": lambda folder: os.utime(folder / "watchedplugin.py", (1, 1)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_answer_is_not_shown_after_a_change(folder, change):
    assert printed("all of it") == "all of it\n"
    assert answers.kept_answer(["list"]) == "all of it\n"
    change(folder)
    assert answers.kept_answer(["list"]) is None


@pytest.mark.parametrize("name", ["GANZOO_DISABLE_PLUGINS", "COLUMNS", "NO_COLOR"])
def test_an_answer_belongs_to_its_environment(folder, monkeypatch, name):
    assert printed("all of it")
    monkeypatch.setenv(name, "77")
    assert answers.kept_answer(["list"]) is None


def test_what_failed_warned_or_is_broken_is_not_kept(folder):
    assert printed("a refusal", code=2) is None
    assert printed("a list", error="warning: something") is None
    assert printed("a help", args=("run", "simgan", "--dataset", "a-pair-of-stores", "--help")) is None
    registry().plugins.append(Plugin("hurt", "hurt", "1", error="it raised"))
    assert printed("a list") is None


def test_a_file_that_has_just_changed_could_change_again_unseen(folder):
    os.utime(folder / "watchedplugin.py")
    assert printed("a list") is None


def test_a_damaged_answer_is_ignored(folder):
    assert printed("a list")
    (kept,) = (folder.parent / "cache" / "answers").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert answers.kept_answer(["list"]) is None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("list", True), ("list methods", True), ("plugin list", True), ("run --help", True),
        ("run simgan --dataset eyes --help", True), ("bench quick -h", True),
        ("list --dataset eyes", False), ("list --plugin mine.py", False), ("runs list", False), ("doctor", False),
        ("run simgan --out --help", False),  # the value of --out: this trains
        ("run simgan --dataset --help", False), ("run simgan --config run.toml --help", False),
        ("bench my.toml --help", False), ("run simgan --help --steps 1", False), ("--help", False), ("", False),
    ],
)  # fmt: skip
def test_only_lists_and_help_after_names_are_kept(line, wanted):
    assert answers.is_answer(line.split()) is wanted
