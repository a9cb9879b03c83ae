"""The declarations of plugins of every kind: words, settings, imports."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import ganzoo
from ganzoo.capabilities.base import Capability
from ganzoo.criterion import Criterion
from ganzoo.dataset import Dataset
from ganzoo.engine import Engine
from ganzoo.method import Method
from ganzoo.metric import Metric
from ganzoo.nn.backbones import Backbone
from ganzoo.settings import Settings
from ganzoo.task import Task
from ganzoo.testing.checks import check, require, skip, violate
from ganzoo.tracker import Tracker
from ganzoo.training.config import TrainConfig

PUBLIC_MODULES = frozenset(file.stem for file in Path(ganzoo.__file__).parent.glob("[a-z]*.py"))
PUBLIC_NAMES = frozenset({"hookimpl", "__version__"})


def may_be_imported(name: str) -> bool:
    """Whether the contract lets a plugin import the module or object `name` of ganzoo, such as `ganzoo.nn.ema`."""
    first = name.split(".")[1] if "." in name else ""
    return first in {"", *PUBLIC_MODULES, *PUBLIC_NAMES, *ganzoo.PUBLIC_PACKAGES}


def words_are_given(cls: type, *more: str) -> None:
    """It has a name and a summary in the form for lists and tables, and the texts `more`."""
    for part in ("name", "summary", *more):
        require(isinstance(getattr(cls, part, None), str), f"it has no {part}")
    name, summary = str(cls.name), str(cls.summary)  # type: ignore[attr-defined]
    require(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), f"the name {name!r} is not lower-case-with-hyphens")
    require(re.fullmatch(r"[A-Z].*[.]", summary), f"the summary {summary!r} is not a sentence")


@check(
    (Method, Dataset, Metric, Criterion),
    once=True,
    why="Options, TOML files and help are generated from the Config; a run is reproducible only if it cannot change.",
    fix='Subclass ganzoo.settings.Settings and write each field as name: type = Field(default, description="...").',
)
def config_is_frozen_and_described(cls: type[Method] | type[Dataset] | type[Metric] | type[Criterion]) -> None:
    """Its Config is frozen, and every setting has a type that an option can have, a default and a description."""
    config = getattr(cls, "Config", None)
    require(isinstance(config, type) and issubclass(config, Settings), "its Config is not a subclass of Settings")
    require(cls.Config.model_config.get("frozen"), "its Config is not frozen")
    require(cls.Config.model_config.get("extra") == "forbid", "its Config accepts unknown settings")
    for name, field in cls.Config.model_fields.items():
        require(not field.is_required(), f"the setting {name!r} has no default")
        described = (field.description or "").strip()
        require(re.match(r"\S[^.]*[.]", described), f"the description of {name!r} is not a sentence: {described!r}")
        require(_fits_an_option(field.annotation), f"the type of {name!r}, {field.annotation}, cannot be an option")
        hides = issubclass(cls, Method) and name in TrainConfig.model_fields
        require(not hides, f"the setting {name!r} hides the training option of that name")
    cls.Config()


@check(
    (Method, Dataset, Metric, Tracker, Engine, Capability, Task, Backbone, Criterion),
    once=True,
    why="The loop, the registry and the command line change between versions; the contract does not.",
    fix="Import only the modules at the top of ganzoo and its packages "
    + ", ".join(ganzoo.PUBLIC_PACKAGES)
    + ", and no "
    "other plugin.",
)
def imports_only_the_contract(cls: type) -> None:
    """Its module imports only the public modules of ganzoo."""
    module = sys.modules.get(cls.__module__)
    try:
        tree = ast.parse(inspect.getsource(module)) if module else None
    except OSError:  # defined in a session or an archive
        tree = None
    if tree is None:
        skip("the source of its module cannot be read here")
    own = cls.__module__.split(".")[0]
    for name in _imports(tree):
        package = name.partition(".")[0]
        if package == "ganzoo" and not may_be_imported(name):
            violate(f"it imports {name}")
        if package.startswith("ganzoo_") and package != own:
            violate(f"it imports the plugin {package}")


@check(
    (Tracker, Engine),
    why="Lists show these words, and a missing library must be reported before any work.",
    fix='Write name = "lower-case", summary = "One sentence." and, if it needs one, library = "module" with '
    'install = "pip install ...".',
)
def library_is_declared(cls: type[Tracker] | type[Engine]) -> None:
    """It has a lower-case name and a summary of one sentence, and says how to install its library."""
    words_are_given(cls, "library", "install")
    require(bool(cls.library) == bool(cls.install), "library and install must be given together")


def _imports(tree: ast.AST) -> Iterator[str]:
    """Full names of imports: "package.module" or "package.module.object"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _fits_an_option(kind: Any) -> bool:
    """Whether the command line supports a setting of this type."""
    if get_origin(kind) in (Union, UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        return len(rest) == 1 and _fits_an_option(rest[0])
    if get_origin(kind) is Literal:
        return all(isinstance(value, str | int) for value in get_args(kind))
    if get_origin(kind) is Annotated:
        return _fits_an_option(get_args(kind)[0])
    if get_origin(kind) is tuple:
        return all(part is Ellipsis or _is_plain(part) for part in get_args(kind))
    return kind in (int, float, bool, str, Path)


def _is_plain(kind: Any) -> bool:
    """Whether a setting is a number, a word, or a union of these."""
    if get_origin(kind) is Annotated:
        return _is_plain(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return all(_is_plain(part) for part in get_args(kind))
    return kind in (int, float, str)
