"""The origin of a run: plugin files, data and first weights, identified by hashes so that they can be moved.

It is the table [origin] of run.toml.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ganzoo.configuration.layers import path_settings
from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import ConfigError, PluginError
from ganzoo.files.location import Location
from ganzoo.runs.run_folder import RunFolder
from ganzoo.settings import Settings
from ganzoo.system.paths import moved_along

HASHED = 8_192  # images of a domain, evenly spaced: a store may be larger than the memory
PARTS = ("source", "source_test", "target", "target_test")


class WeightsRecord(Settings):
    """The first weights, if they are those of another run."""

    step: int = Field(..., ge=1, description="Of the checkpoint that they were taken from.")
    sha256: str = Field(..., description="Of its parameters.")


class Origin(Settings):
    """The table [origin]."""

    folder: str = Field("", description="The run folder when the run began, from the root.")
    plugins: dict[str, str] = Field({}, description="Plugin files that were given, from the root, with their SHA-256.")
    data: dict[str, str] = Field({}, description="The fingerprint of each part of the data.")
    weights: WeightsRecord | None = Field(None, description="The first weights, if they are those of another run.")
    ends: tuple[int, ...] = Field((), description="Steps at which the run had ended before --steps was raised.")


def origin_of(folder: RunFolder) -> Origin:
    """What run.toml says; all empty for a run that does not say. Raises ConfigError if the table is damaged."""
    return read_origin(folder.settings(), folder.settings_file)


def read_origin(tables: Mapping[str, Any], file: Path) -> Origin:
    """The same for the tables of any settings file."""
    try:
        return Origin.model_validate(tables.get("origin", {}))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ConfigError(f"{file}: [origin] {place} is not what ganzoo writes there") from None


def new_origin(folder: RunFolder, dataset: Dataset, weights: WeightsRecord | None) -> Origin:
    """The origin of a run that begins in `folder` now."""
    plugins = {str(plugin.file): plugin.sha256 for plugin in registry().files()}
    return Origin(
        folder=str(folder.path.absolute()), plugins=plugins, data=fingerprints(dataset), weights=weights
    )  # fmt: skip


def fingerprints(dataset: Dataset) -> dict[str, str]:
    """A hash of each part that the dataset has: all labels, and as many images as can be read in seconds."""
    parts: dict[str, Domain | None] = {part: getattr(dataset, part)() for part in PARTS}
    return {part: _fingerprint(domain) for part, domain in parts.items() if domain is not None}


def _fingerprint(domain: Domain) -> str:
    digest = hashlib.blake2b(repr(len(domain)).encode(), digest_size=8)
    digest.update(domain.spread(HASHED).fingerprint().encode())
    if domain.labels is not None:
        digest.update(domain.labels.tobytes())
    return digest.hexdigest()


def check_data(folder: RunFolder, dataset: Dataset, config: Settings | None = None) -> None:
    """Raise ConfigError if the run's data are given from another place and are not the same.

    `config` has the dataset's settings as they were given, if it reads copies.

    Data that changed in place may have been read differently by another version of a library: that is a warning.
    """
    known, moved = origin_of(folder).data, moved_settings(folder, dataset, config)
    if not known:
        if moved:
            said = "is of a version that kept no fingerprint of the data, so it is unknown whether these are the same"
            warnings.warn(f"{folder.path} {said}", stacklevel=2)
        return
    found = fingerprints(dataset)
    different = [part.replace("_", "-") for part in PARTS if known.get(part) != found.get(part)]
    if not different:
        return
    said = f"not the images and labels with which {folder.path} began ({', '.join(different)} differ)"
    if moved:
        flags = ", ".join(f"--{name.replace('_', '-')} {getattr(dataset.config, name)}" for name in moved)
        raise ConfigError(f"{flags}: {said}; name their new place, or use other data in a new run")
    warnings.warn(f"the data of {dataset.name} are {said}; results are those of the current data", stacklevel=2)


def moved_settings(folder: RunFolder, dataset: Dataset, config: Settings | None = None) -> list[str]:
    """The path settings that are not those of run.toml."""
    before = folder.settings().get("dataset", {})
    now = {name: getattr(config or dataset.config, name) for name in path_settings(type(dataset.config))}
    return [name for name, path in now.items() if before.get(name) != (None if path is None else str(path))]


def found_again(table: Mapping[str, Any], dataset: type[Dataset], origin: Origin, folder: RunFolder) -> dict[str, Any]:
    """A run's dataset settings; a missing path becomes the place next to the run folder, if both moved together."""
    found = dict(table)
    if not origin.folder:
        return found
    for name in path_settings(dataset.Config):
        path = found.get(name)
        if isinstance(path, str) and path and not _is_there(Path(path)):
            moved = moved_along(Path(path), Path(origin.folder), folder.path.absolute())
            if _is_there(moved):
                found[name] = str(moved)
    return found


def load_plugins(origin: Origin, folder: Path) -> str:
    """Load the plugin files of the run in `folder`. Returns a sentence on those that could not be loaded, if any.

    A file that was loaded before under the same name, or with the same content, replaces that of the run. A file in
    the run folder itself is not loaded: a folder from others must not run code by itself.
    """
    missing = []
    for name, sha256 in origin.plugins.items():
        file = Path(name)
        loaded = [each for each in registry().files() if each.sha256 == sha256 or each.name == file.stem]
        try:
            if not loaded and (not file.is_file() or _is_below(file, folder)):
                raise PluginError("there is no such file" if not file.is_file() else "it is in the run folder")
            if not loaded:
                registry().add_file(file)
        except PluginError as error:
            missing.append(f"the run was started with --plugin {file}, which was not loaded ({error})")
    check_plugins(origin, folder)
    return "; ".join(missing)


def check_plugins(origin: Origin, folder: Path) -> None:
    """Warn of each plugin file that has changed since the run in `folder` began."""
    for name, sha256 in origin.plugins.items():
        for plugin in registry().files():
            if plugin.name == Path(name).stem and plugin.sha256 != sha256:
                warnings.warn(f"the plugin {plugin.file} has changed since {folder} began", stacklevel=2)


def _is_there(path: Path) -> bool:
    try:
        return os.path.exists(Location.parse(path).path)
    except ConfigError:
        return False


def _is_below(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())
