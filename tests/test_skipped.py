"""A test that needs an extra skips with the command that installs it, and `--skipped` runs it afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import extras
import pytest
from extras import EXTRAS, needs

CONFTEST = """
import sys
sys.path.insert(0, {tests!r})
import skipped
from skipped import add_option as pytest_addoption

def pytest_configure(config):
    config.pluginmanager.register(skipped.Skipped(config))
"""
SUITE = """
from pathlib import Path
import pytest

def test_that_needs_a_file():
    if not Path("here").exists():
        pytest.skip("touch here")

def test_that_needs_nothing():
    pass

def test_that_always_skips():
    pytest.skip("never")

@pytest.mark.xfail
def test_that_fails():
    assert False
"""


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_brings_is_named_with_the_command(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "installed", lambda name: False)
    with pytest.raises(pytest.skip.Exception, match=rf"installed: pip install 'ganzoo\[{extra}\]'$"):
        needs(extra)


def test_nothing_skips_where_the_extra_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "installed", lambda name: True)
    try:
        needs("h5")
    except pytest.skip.Exception:  # which would only skip this test
        pytest.fail("it skips although the extra is installed")


def test_an_extra_that_there_is_not_is_no_reason_to_skip() -> None:
    with pytest.raises(KeyError):
        needs("h6")


def test_only_what_skipped_runs_again(tmp_path: Path) -> None:
    def run(*options: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", *options, "test_suite.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120).stdout

    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST.format(tests=str(Path(__file__).parent)))
    (tmp_path / "test_suite.py").write_text(SUITE)
    assert "1 passed, 2 skipped, 1 xfailed" in run()
    (tmp_path / "here").touch()
    assert "1 passed, 1 skipped" in run("--skipped")
    assert "passed" not in run("--skipped")
