"""Finds plugins and looks up by name what they add. A broken plugin is listed with its error and hurts nobody else."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from ganzoo import hookspecs
from ganzoo.config import did_you_mean
from ganzoo.dataset import Dataset
from ganzoo.errors import PluginError, UnknownNameError
from ganzoo.files.archive import Archive
from ganzoo.files.store_pair import pair_of_stores
from ganzoo.method import Method
from ganzoo.metric import Extractor, Metric
from ganzoo.tracker import Tracker

KINDS: dict[str, type] = {
    "methods": Method, "datasets": Dataset, "metrics": Metric, "extractors": Extractor, "archives": Archive,
    "trackers": Tracker,
}  # fmt: skip


@dataclass
class Plugin:
    """One entry point or file: what it adds, or why it does not work."""

    name: str
    package: str
    version: str
    adds: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""


class Registry:
    """Everything that installed plugins, and files given by hand, add."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.found: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        # ganzoo's own come first, so that nobody else can take their names
        points = sorted(entry_points(group="ganzoo"), key=lambda point: (_package(point)[0] != "ganzoo", point.name))
        for point in points:
            self._add(Plugin(point.name, *_package(point)), point.load)

    def add_file(self, path: Path) -> None:
        """Load a plugin from a Python file, once. Raises PluginError where it does not work."""
        if any(plugin.package == str(path) and not plugin.error for plugin in self.plugins):
            return
        plugin = Plugin(path.stem, str(path), "")
        self._add(plugin, lambda: _import_file(path))
        if plugin.error:
            raise PluginError(f"--plugin {path}: {plugin.error}")

    def get(self, kind: str, name: str) -> Any:
        """The class of that kind and name. Raises UnknownNameError with the nearest name."""
        known = self.found[kind]
        if name in known:
            return known[name]
        if kind == "datasets" and (pair := pair_of_stores(name)):
            return pair
        broken = [plugin for plugin in self.plugins if plugin.error and plugin.name == name]
        hint = f"; the plugin of that name is broken: {broken[0].error}" if broken else did_you_mean(name, known)
        raise UnknownNameError(f"there is no {kind.removesuffix('s')} {name!r}{hint}")

    def _add(self, plugin: Plugin, load: Callable[[], ModuleType]) -> None:
        self.plugins.append(plugin)
        try:
            added = _declared(load(), plugin.name)
            for kind, classes in added.items():
                for cls in classes:
                    _check(cls, KINDS[kind], kind, self.found[kind])
        except Exception as error:  # a stranger's code may raise anything
            plugin.error = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            return
        for kind, classes in added.items():
            self.found[kind].update({cls.name: cls for cls in classes})
            self.found[kind] = dict(sorted(self.found[kind].items()))
            plugin.adds[kind] = [cls.name for cls in classes]


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


def _check(cls: Any, base: type, kind: str, taken: dict[str, Any]) -> None:
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise PluginError(f"ganzoo_{kind} returned {cls!r}, which is not a subclass of {base.__name__}")
    given = {part: getattr(cls, part, None) for part in ("name", "summary")}
    if missing := [part for part, value in given.items() if not isinstance(value, str)]:
        raise PluginError(f"{cls.__name__} has no {' and no '.join(missing)}")
    if given["name"] in taken:
        raise PluginError(f"the name {given['name']!r} is taken by {taken[str(given['name'])].__module__}")


def _package(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist else ("?", "?")


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
