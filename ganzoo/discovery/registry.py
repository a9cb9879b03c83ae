"""Finds plugins and looks up by name what they add. A broken plugin is listed with its error; the others still work."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import Distribution, EntryPoint, entry_points
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from ganzoo import CONTRACT
from ganzoo.capabilities.base import Capability
from ganzoo.configuration.layers import did_you_mean
from ganzoo.criterion import Criterion
from ganzoo.dataset import Dataset
from ganzoo.discovery import hookspecs
from ganzoo.engine import Engine
from ganzoo.errors import PluginError, UnknownNameError
from ganzoo.files.archive import Archive
from ganzoo.files.store_pair import pair_of_stores
from ganzoo.method import CLASS_FLAGS, Method
from ganzoo.metric import Extractor, Metric
from ganzoo.nn.backbones import BACKBONES, Backbone
from ganzoo.system.paths import absolute, typed
from ganzoo.task import TASKS, Task
from ganzoo.tracker import Tracker

KINDS: dict[str, type] = {
    "methods": Method, "datasets": Dataset, "metrics": Metric, "extractors": Extractor, "archives": Archive,
    "trackers": Tracker, "engines": Engine, "capabilities": Capability,
    "tasks": Task, "backbones": Backbone, "criteria": Criterion,
}  # fmt: skip


def singular(kind: str) -> str:
    """The word for one of a kind."""
    return {"capabilities": "capability", "criteria": "criterion"}.get(kind, kind.removesuffix("s"))


CHANGED = (
    f"write ganzoo_contract = {CONTRACT}, import capabilities such as Refines from ganzoo.capabilities, name the "
    "columns that a method reads in `reads`, build a DataSpec of columns (ganzoo.batch.image_spec) and a Domain of "
    "samples; see docs/contract.md"
)
"""What a plugin for the previous contract has to change."""
DISABLE = "GANZOO_DISABLE_PLUGINS"  # names of plugins that are not loaded, separated by commas


@dataclass
class Plugin:
    """One entry point or file: what it adds, or why it does not work."""

    name: str
    package: str
    version: str
    adds: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""
    contract: int | None = None  # that it was written for; None if it does not say
    disabled: bool = False  # by GANZOO_DISABLE_PLUGINS, and then never imported
    file: Path | None = None  # absolute path, of one that was given as a file
    sha256: str = ""  # of that file, as it was loaded

    @property
    def state(self) -> str:
        """ok, disabled, or what is wrong with it."""
        return "disabled" if self.disabled else f"broken: {self.error}" if self.error else "ok"


class Registry:
    """Everything that installed plugins, and files given by hand, add."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        # ganzoo's own come first, so that no other plugin can take their names
        found = entry_points(group="ganzoo")
        packages = _packages(found)
        points = sorted(found, key=lambda point: (packages[point.dist][0] != "ganzoo", point.name))
        off = _disabled()
        self.unknown_disabled = sorted(off - {point.name for point in points})
        for point in points:
            plugin = Plugin(point.name, *packages[point.dist], disabled=point.name in off)
            self._add(plugin, point.load, partial(_source_of, point.module))

    def add_file(self, path: str | PathLike[str]) -> Plugin:
        """Load a plugin from a Python file, once. Raises PluginError if it does not work."""
        given, file = typed(path), absolute(path)
        for plugin in self.files():
            if plugin.file == file:
                return plugin
        plugin = Plugin(file.stem, str(given), "", file=file, sha256=file_hash(file))
        self._add(plugin, lambda: _import_file(file), lambda: file)
        if plugin.error:
            raise PluginError(f"the plugin {given} does not work: {plugin.error}")
        return plugin

    def files(self) -> list[Plugin]:
        """The plugins that were given as files, and work."""
        return [plugin for plugin in self.plugins if plugin.file and not plugin.error]

    def get(self, kind: str, name: str) -> Any:
        """The class of that kind and name. Raises UnknownNameError with the nearest name."""
        known = self.found[kind]
        if name in known:
            return known[name]
        if kind == "datasets" and (pair := pair_of_stores(name)):
            return pair
        silent = [plugin for plugin in self.plugins if plugin.name == name and plugin.state != "ok"]
        hint = f"; the plugin of that name is {silent[0].state}" if silent else did_you_mean(name, known)
        if silent and silent[0].disabled:
            hint += f" by {DISABLE}"
        if not silent and (others := [plugin.name for plugin in self.plugins if plugin.error]):
            hint += f"; broken plugins (see ganzoo plugin list): {', '.join(others)}"
        raise UnknownNameError(f"there is no {singular(kind)} {name!r}{hint}")

    def classes_of(self, name: str) -> list[type]:
        """What the plugin of that name adds; or else the classes that have the name, of any kind.

        Raises UnknownNameError with the nearest name, and PluginError if the plugin is broken or disabled.
        """
        plugins = [plugin for plugin in self.plugins if name in (plugin.name, plugin.package)]
        found = [self.found[kind][each] for plugin in plugins for kind, names in plugin.adds.items() for each in names]
        found = found or [classes[name] for classes in self.found.values() if name in classes]
        if not found and plugins:
            raise PluginError(f"the plugin {name} is {plugins[0].state}")
        if not found:
            known = sorted({*(plugin.name for plugin in self.plugins), *(n for f in self.found.values() for n in f)})
            raise UnknownNameError(f"nothing installed has the name {name!r}{did_you_mean(name, known)}")
        return found

    def _add(self, plugin: Plugin, load: Callable[[], ModuleType], source: Callable[[], Path | None]) -> None:
        self.plugins.append(plugin)
        if plugin.disabled:
            return
        try:
            module = load()
            plugin.contract = _contract(getattr(module, "ganzoo_contract", None))
            added = _declared(module, plugin.name)
            for kind, classes in added.items():
                for cls in classes:
                    _check(cls, KINDS[kind], kind)
                    self._name_is_free(cls, kind, [other for other in classes if other is not cls])
        except (Exception, SystemExit) as error:  # third-party code may raise anything
            said = " ".join(str(error).split())
            plugin.error = said if isinstance(error, PluginError) else f"{type(error).__name__}: {said}"
            if not isinstance(error, PluginError) and (other := _other_contract(source)):
                plugin.error += f"; {other}"  # which is the likely cause
            elif isinstance(error, ModuleNotFoundError):
                plugin.error += "; install the packages that it needs"
            return
        for kind, classes in added.items():
            self.found[kind].update({cls.name: cls for cls in classes})
            self.found[kind] = dict(sorted(self.found[kind].items()))
            plugin.adds[kind] = [cls.name for cls in classes]
        TASKS.update(self.found["tasks"])  # lower layers look them up there
        BACKBONES.update(self.found["backbones"])

    def _name_is_free(self, cls: Any, kind: str, beside: list[Any]) -> None:
        what = f"the {singular(kind)} name {cls.name!r}"
        if any(other.name == cls.name for other in beside):
            raise PluginError(f"it adds {what} twice")
        if cls.name in self.found[kind]:
            owner = next(plugin for plugin in self.plugins if cls.name in plugin.adds.get(kind, ()))
            by = f"{self.found[kind][cls.name].__module__}, of {owner.package} {owner.version}".strip()
            raise PluginError(
                f"{what} is taken by {by}; rename it here, or disable that plugin: {DISABLE}={owner.name}"
            )


@cache
def registry() -> Registry:
    """The one registry of this process."""
    return Registry()


def _declared(module: ModuleType, name: str) -> dict[str, list[Any]]:
    """What one plugin's hooks return. Raises PluginError for a hook that ganzoo does not have."""
    manager = pluggy.PluginManager("ganzoo")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"it implements a hook that ganzoo does not have ({error})") from error
    added = {kind: [cls for classes in getattr(manager.hook, f"ganzoo_{kind}")() for cls in classes] for kind in KINDS}
    if not any(added.values()):
        raise PluginError("it adds nothing: no function in it is marked with ganzoo.hookimpl")
    return added


def _check(cls: Any, base: type, kind: str) -> None:
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise PluginError(f"ganzoo_{kind} returned {cls!r}, which is not a subclass of {base.__name__}")
    given = {part: getattr(cls, part, None) for part in ("name", "summary")}
    if missing := [part for part, value in given.items() if not isinstance(value, str)]:
        raise PluginError(f"{cls.__name__} has no {' and no '.join(missing)}")
    for flag in CLASS_FLAGS if kind == "methods" else ():
        flags = isinstance(getattr(Method, flag), bool)
        if not isinstance(value := getattr(cls, flag), bool if flags else tuple):
            what = "True or False" if flags else "a tuple"
            raise PluginError(f"{cls.__name__}.{flag} must be {what} in the body of the class, but is a "
                              f"{type(value).__name__}")  # fmt: skip


def _contract(said: Any) -> int | None:
    """The contract that a plugin states it was written for. Raises PluginError if it is not ganzoo's."""
    if said is None:
        return None
    if not isinstance(said, int) or isinstance(said, bool):
        raise PluginError(f"ganzoo_contract is {said!r}; it must be an integer, such as {CONTRACT}")
    if said != CONTRACT:
        fix = "update ganzoo" if said > CONTRACT else f"update the plugin: {CHANGED}"
        raise PluginError(f"it was written for contract {said}, but this ganzoo has contract {CONTRACT}; {fix}")
    return said


def _other_contract(source: Callable[[], Path | None]) -> str:
    """A message if a plugin that could not be imported was written for another contract; empty if it was not."""
    try:
        file = source()
        tree = ast.parse(file.read_text(encoding="utf-8") if file else "")
    except (OSError, ValueError, SyntaxError, ImportError):
        return ""
    for node in tree.body:
        names = [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]
        if "ganzoo_contract" in names and isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            try:
                _contract(node.value.value)
            except PluginError as error:
                return str(error)
    return ""


def file_hash(file: Path) -> str:
    """The SHA-256 of a plugin's file; empty if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return ""


def _source_of(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def _disabled() -> set[str]:
    return {name.strip() for name in os.environ.get(DISABLE, "").split(",") if name.strip()}


def _packages(points: Iterable[EntryPoint]) -> dict[Distribution | None, tuple[str, str]]:
    """Name and version of each distribution. Its metadata are parsed once, not for each of its entry points."""
    return {dist: (dist.name, dist.version) if dist else ("?", "?") for dist in {point.dist for point in points}}


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise PluginError("there is no such file")
    spec = importlib.util.spec_from_file_location(f"ganzoo_plugin_file_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PluginError("it is not a Python file (NAME.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where Python looks for the source of its classes
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
