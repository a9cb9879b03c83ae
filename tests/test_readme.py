"""The README is true: its Python runs, its links lead somewhere, its pictures exist, and it is short."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from conftest import ROOT

import ganzoo as package
from ganzoo.cli import COMMANDS

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
(PYTHON,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
SHORT = {"label_drift_network": "small", "label_drift_steps": 2, "label_drift_batch_size": 4}
SMALL = {"source_size": 40, "source_test_size": 16, "target_size": 40, "target_test_size": 16, "steps": 3,
         "batch_size": 4, "metrics": "label-drift", **SHORT}  # fmt: skip


def test_the_nine_lines_of_python_run(tmp_path, monkeypatch, capsys):
    """As printed, with fewer and smaller eyes."""
    assert len([line for line in PYTHON.splitlines() if line.strip()]) <= 9
    monkeypatch.chdir(tmp_path)
    np.savez("eyes.npz", image=np.full((3, 35, 55), 90, np.uint8))
    monkeypatch.setattr(package, "run", partial(package.run, **SMALL))
    names: dict = {}
    exec(PYTHON, names)
    assert names["refined"].shape == (3, 35, 55)
    assert names["refined"].dtype == np.uint8
    assert names["gaze"].shape == (3, 2)
    assert re.search(r"^label_drift_deg \d", capsys.readouterr().out, re.MULTILINE)


def test_links_and_pictures_are_in_the_repository():
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", TEXT)
    assert len(links) > 50
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_command_that_is_shown_exists():
    code = re.findall(r"^```sh\n.*?^```$|`[^`\n]+`", TEXT, re.MULTILINE | re.DOTALL)
    shown = {name for each in code for name in re.findall(r"\bganzoo ([a-z]+)", each)}
    assert shown >= {"run", "demo", "bench"}
    assert shown - set(COMMANDS) == set()


def test_it_is_short():
    prose = re.sub(r"^```.*?^```$|^\|.*?$|<!--.*?-->|\]\([^)]*\)", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) < 1_200


@pytest.mark.parametrize("file", ["CITATION.cff", "CHANGELOG.md"])
def test_the_version_is_the_same_everywhere(file):
    assert package.__version__ in (ROOT / file).read_text(encoding="utf-8")
