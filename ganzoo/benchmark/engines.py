"""The engine of a bench, from its name and its file of settings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ganzoo.benchmark import jobs as files
from ganzoo.benchmark.folder import BenchFolder
from ganzoo.configuration.layers import build_config
from ganzoo.configuration.toml import read_toml
from ganzoo.discovery.plugin_errors import blaming
from ganzoo.discovery.registry import registry
from ganzoo.engine import Engine
from ganzoo.errors import ConfigError, UsageError

DEFAULT = "local"


def load_engine(name: str, config: Path | None, folder: BenchFolder) -> Engine:
    """The engine of that name with the settings in a TOML file.

    Raises ConfigError or UsageError for a wrong setting or a library that is not installed, EngineError if the engine
    cannot be reached.
    """
    cls: type[Engine] = registry().get("engines", name)
    if cls.library and find_spec(cls.library) is None:
        raise UsageError(f"the engine {name} needs {cls.library}, which is not installed: {cls.install}")
    layers = {} if config is None else {str(config): read_toml(config)}
    settings = build_config(cls.Config, layers)
    with blaming(f"engine {name}"):
        return cls(settings, folder.path.absolute() / "engine")


def jobs_of(folder: BenchFolder, name: str) -> dict[Path, str]:
    """The jobs that an engine got from earlier benches in the folder and whose end no bench has seen: place -> id."""
    found = {}
    for file in sorted(folder.path.glob(f"cells/*/{files.FILE}")):
        claim = files.read_claim(file.parent)
        if claim is not None and claim.engine == name and claim.outlives and claim.id:
            found[file.parent] = claim.id
    return found


def check_engine(folder: BenchFolder, name: str) -> None:
    """Raise ConfigError if another engine may still run cells of the folder."""
    for other in registry().found["engines"]:
        jobs = jobs_of(folder, other) if other != name else {}
        if jobs:
            raise ConfigError(
                f"{len(jobs)} cells of {folder.path} were given to the engine {other}, and may still run there; go on "
                f"with --engine {other}, or add --cancel to it first"
            )


def cancel(folder: BenchFolder, engine: Engine) -> int:
    """Stop all jobs that the engine has of the folder. Returns how many cells; what they saved is kept."""
    jobs = jobs_of(folder, engine.name)
    engine.stop(list(dict.fromkeys(jobs.values())))
    for place in jobs:
        files.drop_claim(place)
    return len(jobs)
