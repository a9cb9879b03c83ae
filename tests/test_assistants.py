"""docs/assistants.md and llms.txt are true: paths exist, commands are accepted, the example keeps the contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

from ganzoo import CONTRACT, PUBLIC_PACKAGES
from ganzoo.cli import COMMANDS
from ganzoo.discovery.registry import Registry
from ganzoo.testing import generate_checks

GUIDE = ROOT / "docs" / "assistants.md"
INDEX = ROOT / "llms.txt"
TEXT = {page: page.read_text(encoding="utf-8") for page in (GUIDE, INDEX)}
(FILE,) = re.findall(r'^```python title="(\w+\.py)"\n(.*?)^```$', TEXT[GUIDE], re.MULTILINE | re.DOTALL)
BLOCK = re.findall(r"^```sh\n(.*?)^```$", TEXT[GUIDE], re.MULTILINE | re.DOTALL)
COMMANDS_SHOWN = [line.split() for block in BLOCK for line in block.strip().splitlines()]
INLINE = [words for text in TEXT.values() for words in re.findall(r"`ganzoo ([a-z ]+)", text)]


@pytest.mark.parametrize("page", TEXT, ids=lambda page: page.name)
def test_every_link_and_path_exists(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT[page])
    paths = re.findall(r"`((?:plugins|docs|benchmarks|ganzoo)/[\w./-]*)`", TEXT[page])
    assert len(links) > 4
    missing = [each for each in links if not (page.parent / each).exists()]
    missing += [each for each in paths if not (ROOT / each).exists()]
    assert missing == []


def test_every_module_that_is_named_is_public():
    named = set(re.findall(r"`ganzoo\.(\w+)`", TEXT[GUIDE]))
    at_top = {file.stem for file in (ROOT / "ganzoo").glob("*.py")}
    assert named - at_top <= set(PUBLIC_PACKAGES)
    assert named >= {"method", "dataset", "metric", *PUBLIC_PACKAGES}


def test_every_command_is_accepted_as_it_is_written(ganzoo):
    Path(FILE[0]).write_text(FILE[1], encoding="utf-8")
    assert len(COMMANDS_SHOWN) == 3
    for _, *words in COMMANDS_SHOWN:
        result = ganzoo(*words, "--help")  # an unknown option, method or suite is refused before the help
        assert result.exit_code == 0, result.output
    assert INLINE
    assert {words.split()[0] for words in INLINE} <= set(COMMANDS)


def test_the_example_keeps_the_contract(tmp_path):
    (tmp_path / FILE[0]).write_text(FILE[1], encoding="utf-8")
    registry = Registry()
    plugin = registry.add_file(tmp_path / FILE[0])
    assert plugin.contract == CONTRACT
    for cls, check in generate_checks([registry.get("methods", "tone")]):
        check(cls)
