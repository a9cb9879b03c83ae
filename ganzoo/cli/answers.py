"""Keeps what `ganzoo list` and `--help` print, so that they do not import every plugin, and with it torch, each time.

An answer is kept with the state of every file that it was made from: all modules that were imported, all files of the
packages of plugins, and the folders in which Python looks for packages. It is shown again while all of them are
unchanged. Nothing has to declare what it depends on, and the text is the one that the command printed, so it cannot
differ from it. The answer is not kept while a plugin is broken, if anything was written to stderr, or if one of the
files has just changed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from ganzoo.cache import cache_folder
from ganzoo.errors import GanzooError
from ganzoo.system.atomic import replacing

MOST_ANSWERS = 64
MOST_FILES = 20_000  # of the packages of plugins
JUST_NOW = 2.0  # seconds in which a file can change twice with the same time, on coarse file systems
NAME = re.compile(r"[A-Za-z][\w-]*")  # a command, method or dataset; not a path
LISTS = (["list"], ["plugin", "list"])
ENVIRONMENT = re.compile(r"(GANZOO|PYTHON|LC|XDG)_.*|PYTHON\w+|LANG|TERM|COLORTERM|COLUMNS|LINES|NO_COLOR|FORCE_COLOR|"
                         r"TTY_\w+|CLICOLOR\w*|HOME|JUPYTER_\w+")  # fmt: skip


def is_answer(args: Sequence[str]) -> bool:
    """Whether a command line shows only what is installed: a list, or `--help` after names and nothing else.

    With any other option `--help` might be the value of that option, or depend on a file.
    """
    words = list(args)
    if words in LISTS or (len(words) == 2 and words[0] == "list" and NAME.fullmatch(words[1])):
        return True
    if len(words) < 2 or words.pop() not in ("--help", "-h"):
        return False
    names = [word for before, word in zip(["", *words], words, strict=False)
             if word not in ("--dataset", "--preset") or before in ("--dataset", "--preset")]  # fmt: skip
    return words[-1] not in ("--dataset", "--preset") and all(NAME.fullmatch(name) for name in names)


def kept_answer(args: Sequence[str]) -> str | None:
    """What this command line printed before; None if that is not known, or if any of its files has changed."""
    try:
        with gzip.open(_file(args), "rt", encoding="utf-8") as stream:
            kept = json.load(stream)
        same = _state(kept["paths"])[0] == kept["state"]
        return str(kept["text"]) if same else None
    except (OSError, EOFError, ValueError, KeyError, TypeError, GanzooError):  # none, or a damaged file
        return None


@contextmanager
def keeping(args: Sequence[str]) -> Iterator[None]:
    """Keep what the body prints, if it ends with exit code 0. A failure to write is ignored."""
    began, file = time.time(), _file(args)
    folders = list(_search_folders())
    before = _state(folders)
    out, err = _Copy(sys.stdout), _Copy(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    except SystemExit as ended:
        same = _state(folders) == before  # no package came or went meanwhile
        if same and not ended.code and any(out.text) and not any(err.text) and _is_sound(args):
            with suppress(OSError, GanzooError):
                _keep(file, "".join(out.text), began)
        raise
    finally:
        sys.stdout, sys.stderr = out.stream, err.stream


class _Copy:
    """A text stream that remembers what is written to it."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.text = stream, list[str]()

    def write(self, text: str) -> int:
        written: int = self.stream.write(text)  # raises for bytes, with which click tries streams
        self.text.append(text)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _is_sound(args: Sequence[str]) -> bool:
    """Whether every plugin works, and the datasets that are named are those of plugins (others are prepared files)."""
    loaded = sys.modules.get("ganzoo.discovery.registry")  # not imported here, because it imports torch
    if loaded is None or not loaded.registry.cache_info().currsize:  # a help that needed no plugin
        return True
    registry = loaded.registry()
    datasets = [name for option, name in pairwise(args) if option == "--dataset"]
    broken = any(plugin.error for plugin in registry.plugins)
    return not broken and all(name in registry.found["datasets"] for name in datasets)


def _keep(file: Path, text: str, began: float) -> None:
    paths = sorted(_made_from())
    state, latest = _state(paths)
    if latest > began - JUST_NOW:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file, shared=True) as aside, gzip.open(aside, "wt", encoding="utf-8") as stream:
        json.dump({"paths": paths, "state": state, "text": text}, stream)
    answers = sorted(file.parent.glob("*.json.gz"), key=lambda each: each.stat().st_mtime)
    for old in answers[:-MOST_ANSWERS]:
        old.unlink(missing_ok=True)


def _file(args: Sequence[str]) -> Path:
    """The file of an answer, named after all that it depends on besides files."""
    sizes = []
    for stream in (0, 1, 2):
        try:
            sizes.append(tuple(os.get_terminal_size(stream)))
        except (OSError, ValueError):
            sizes.append(())
    shown = [sys.stdout.isatty(), sys.stderr.isatty(), getattr(sys.stdout, "encoding", ""), sizes]
    names = {name: value for name, value in sorted(os.environ.items()) if ENVIRONMENT.fullmatch(name)}
    known = [list(args), sys.argv[0], sys.executable, sys.version, sys.path, os.getcwd() if "" in sys.path else "",
             shown, names]  # fmt: skip
    return cache_folder("answers") / f"{hashlib.sha256(json.dumps(known).encode()).hexdigest()[:32]}.json.gz"


def _made_from() -> set[str]:
    """Every file and folder that decides what is installed, and what it says of itself."""
    modules = {
        file for module in list(sys.modules.values()) if isinstance(file := getattr(module, "__file__", None), str)
    }
    return {os.path.abspath(each) for each in (*modules, *_search_folders(), *_packages())}


def _search_folders() -> Iterator[str]:
    """The folders of sys.path, which change with each package, and the entry points in them."""
    for folder in sys.path:
        yield folder or os.getcwd()
        with suppress(OSError):
            for each in os.scandir(folder or os.getcwd()):
                if each.name.endswith("-info"):
                    yield os.path.join(each.path, "entry_points.txt")


def _packages() -> Iterator[str]:
    """The packages of plugins, and ganzoo's: folders, and files of any kind."""
    from importlib.metadata import entry_points  # loaded by now

    names = {"ganzoo", *(point.module.partition(".")[0] for point in entry_points(group="ganzoo"))}
    roots = {root for name in names for root in getattr(sys.modules.get(name), "__path__", ())}
    count = 0
    for root in roots:
        for folder, inner, files in os.walk(root):
            inner[:] = [name for name in inner if name != "__pycache__"]
            yield folder
            yield from (os.path.join(folder, name) for name in files)
            count += len(files)
            if count > MOST_FILES:
                raise GanzooError("the packages of plugins have too many files to watch")


def _state(paths: Sequence[str]) -> tuple[str, float]:
    """A hash of the times and sizes of files, and when the latest of the files (not the folders) changed."""
    state = hashlib.sha256()
    latest = 0.0
    for path in paths:
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            state.update(b"absent;")
            continue
        state.update(b"%d %d %d;" % (found.st_mtime_ns, found.st_ctime_ns, found.st_size))
        if not os.path.isdir(path):
            latest = max(latest, found.st_mtime)
    return state.hexdigest(), latest
