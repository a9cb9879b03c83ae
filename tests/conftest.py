"""What all tests share: the toy plugin, a cache of their own, the command line in this process."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported: several workers with all cores each would starve
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from skipped import Skipped, add_option

from ganzoo.cli import main
from ganzoo.discovery.registry import Registry, registry

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
TOY = Path(__file__).parent / "toy_plugin.py"
IMPORTS = os.pathsep.join(map(str, [ROOT, *(ROOT / "plugins").iterdir()]))
"""PYTHONPATH of a process whose environment has neither ganzoo nor its plugins."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Skipped(config))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither use nor fill the user's cache."""
    before = os.environ.get("GANZOO_CACHE")
    os.environ["GANZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["GANZOO_CACHE"]
    else:
        os.environ["GANZOO_CACHE"] = before


@pytest.fixture(autouse=True)
def same_random_state() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def toys() -> Registry:
    """The registry with the toy dataset and methods in it."""
    registry().add_file(TOY)
    return registry()


@pytest.fixture
def shared_data() -> Path:
    """The folder of real eyes and digits beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the development data is not at {SHARED}")
    return SHARED


@pytest.fixture(autouse=True)
def same_plugins() -> Iterator[None]:
    """The plugins that a test adds go with it."""
    shared = registry()
    plugins, found = list(shared.plugins), {kind: dict(known) for kind, known in shared.found.items()}
    yield
    shared.plugins, shared.found = plugins, found


@pytest.fixture
def ganzoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `ganzoo ARGS...` in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def call(*args: object) -> Result:
        result = CliRunner().invoke(main, [str(arg) for arg in args], prog_name="ganzoo")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call
