"""A broken plugin is named, with what it did wrong, and everything else works: by file, and by an installed package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from conftest import IMPORTS, TOY

from ganzoo.cli import main  # noqa: F401 (what the subprocess runs)
from ganzoo.discovery.registry import Registry

AT_IMPORT = "raise RuntimeError('no licence')"
AT_REGISTRATION = "from ganzoo import hookimpl\n@hookimpl\ndef ganzoo_methods():\n    raise OSError('disk')\n"
ENDS = "import sys\nsys.exit('goodbye')"
NEEDS = "import a_package_that_is_not_there"
TAKEN = """
from ganzoo import hookimpl
from ganzoo.method import Method
class Mine(Method):
    name, summary = "simgan", "Another."
@hookimpl
def ganzoo_methods():
    return [Mine]
"""
BROKEN = {
    "raises at import": (AT_IMPORT, "RuntimeError: no licence"),
    "raises at registration": (AT_REGISTRATION, "OSError: disk"),
    "ends the process": (ENDS, "SystemExit: goodbye"),
    "needs a package": (NEEDS, "No module named 'a_package_that_is_not_there'; install the packages that it needs"),
    "takes a name": (TAKEN, "the method name 'simgan' is taken by ganzoo_translation.simgan"),
}
METHOD = """
from functools import partial
import torch
from torch import nn
from torch.optim import Adam
from ganzoo import hookimpl
from ganzoo.method import Method, Phase
from ganzoo.metric import Metric, Score
from ganzoo.capabilities import Refines
from ganzoo.settings import Settings

class Mine(Method):
    name, summary, paper, Config = "mine", "Mine.", "", Settings
    def __init__(self, config, spec):
        super().__init__(config, spec)
        self.layer = nn.Conv2d(spec.channels, spec.channels, 1)
    def phases(self):
        return {"only": Phase([self.layer], self.loss, partial(Adam, lr=0.1))}
    def loss(self, batch):
        made = self.layer(batch.source)
        return LOSS
    def refine(self, source):
        return REFINE

class Bad(Metric):
    name, summary, needs, Config = "bad", "Bad.", (Refines,), Settings
    by_default = False
    def measure(self, data):
        return MEASURE

@hookimpl
def ganzoo_methods():
    return [Mine]
@hookimpl
def ganzoo_metrics():
    return [Bad]
"""
GOOD = {"LOSS": '{"mean": made.mean()}', "REFINE": "self.layer(source)", "MEASURE": '[Score("bad", 1.0)]'}
LOSSES = {
    '{"mean": [][3]}': "method mine, phase only: it raised IndexError: list index out of range (in mine.py, line 21)",
    "made.mean()": "method mine, phase only: its loss must return a mapping of names to tensors",
    '{"mean": 3.0}': "method mine, phase only: its loss must return a mapping of names to tensors",
    '{"mean": made.flatten(1).mean(1)}': "0-d tensors (the mean over the batch), but mean is [4]",
    '{"mean": made @ made}': "method mine, phase only: it raised RuntimeError",
}
METRICS = {
    "1 / 0": "metric bad: it raised ZeroDivisionError: division by zero (in mine.py",
    "[3]": "metric bad: it must return scores whose values are numbers, not 3",
    "[Score('bad', 'high')]": "metric bad: it must return scores whose values are numbers",
    "None": "metric bad: it raised TypeError",
}
RUN = ("--dataset", "toy", "--steps", 2, "--batch-size", 4, "--out", "out", "--plugin", TOY)


def mine(folder: Path, **changes: str) -> Path:
    text = METHOD
    for key, value in {**GOOD, **changes}.items():
        text = text.replace(key, value)
    (folder / "mine.py").write_text(text)
    return folder / "mine.py"


def installed(folder: Path, text: str) -> None:
    """A package `mine` with an entry point, as pip leaves it."""
    (folder / "mine_plugin.py").write_text(text)
    facts = folder / "mine-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[ganzoo]\nmine = mine_plugin\n")


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_in_one_sentence(
    ganzoo: Callable[..., Result], tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "mine.py").write_text(text)
    result = ganzoo("run", "identity", "--plugin", "mine.py", "--dataset", "toy")
    assert result.exit_code == 1
    assert result.output.startswith("Error: the plugin mine.py does not work: ")
    assert says in result.output


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_package_is_listed_and_everything_else_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    before = {kind: list(found) for kind, found in Registry().found.items()}
    installed(tmp_path, text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine_plugin", raising=False)
    registry = Registry()
    (plugin,) = [plugin for plugin in registry.plugins if plugin.package == "mine"]
    assert says in plugin.error
    assert plugin.version == "1.0"
    assert {kind: list(found) for kind, found in registry.found.items()} == before


def test_a_good_package_adds_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, mine(tmp_path).read_text())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine_plugin", raising=False)
    registry = Registry()
    assert registry.get("methods", "mine").summary == "Mine."
    assert not [plugin.error for plugin in registry.plugins if plugin.package == "mine" and plugin.error]


def test_the_command_line_works_beside_a_broken_package(tmp_path: Path) -> None:
    installed(tmp_path, ENDS)
    path = os.pathsep.join([str(tmp_path), IMPORTS])
    command = [sys.executable, "-m", "ganzoo", "list", "plugins"]
    shown = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path, "COLUMNS": "300"}, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert "SystemExit: goodbye" in shown.stdout
    assert "simgan" in shown.stdout


@pytest.mark.parametrize(("loss", "says"), LOSSES.items(), ids=LOSSES)
def test_a_broken_loss_is_named_with_its_line(
    toys: Registry, ganzoo: Callable[..., Result], tmp_path: Path, loss: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(monkeypatch)
    result = ganzoo("run", "mine", *RUN, "--plugin", mine(tmp_path, LOSS=loss), "--metrics", "none")
    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(("measure", "says"), METRICS.items(), ids=METRICS)
def test_beside_a_broken_metric_the_others_are_measured(
    toys: Registry,
    ganzoo: Callable[..., Result],
    tmp_path: Path,
    measure: str,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh(monkeypatch)
    options = ("--metrics", "bad,kid", "--kid-extractors", "pixels")
    result = ganzoo("run", "mine", *RUN, "--plugin", mine(tmp_path, MEASURE=measure), *options)
    assert result.exit_code == 0, result.output
    scores = {each["name"]: each for each in json.loads((tmp_path / "out" / "metrics.json").read_text())["scores"]}
    assert scores["bad"]["value"] is None
    assert says in scores["bad"]["reason"]
    assert scores["kid[pixels]"]["value"] is not None


def test_refined_images_of_another_shape_are_refused_in_words(
    toys: Registry, ganzoo: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(monkeypatch)
    file = mine(tmp_path, REFINE="source[..., :1, :1]")  # numpy would spread it over the image
    result = ganzoo("run", "mine", *RUN, "--plugin", file, "--metrics", "kid", "--kid-extractors", "pixels")
    assert result.exit_code == 1
    assert "method mine: refine returned [12, 1, 1, 1], not [12, 1, 24, 40]" in result.output


def test_a_bench_goes_on_beside_a_broken_method(
    toys: Registry, ganzoo: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh(monkeypatch)
    (tmp_path / "both.toml").write_text(
        'images = 8\nseeds = 1\ntrain = { batch_size = 4 }\nevaluate = { metrics = ["kid"] }\n'
        'metric = { kid = { extractors = ["pixels"] } }\n[methods.mine]\n[methods.shift]\n[datasets.toy]\n'
    )
    file = mine(tmp_path, LOSS='{"mean": [][3]}')
    result = ganzoo("bench", "both.toml", "--plugin", TOY, "--plugin", file, "--out", "out", "--jobs", 1)
    assert result.exit_code == 1
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    ended = {line["label"]: line.get("failed", "finished") for line in lines}
    assert ended["shift"] == "finished"
    assert "method mine, phase only: it raised IndexError" in ended["mine"]


def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of the test's own: the next test has another plugin of the same name."""
    made = Registry()
    made.add_file(TOY)
    for module in ("cli.run", "cli.bench", "runs.experiment", "benchmark.suite", "discovery.registry"):
        monkeypatch.setattr(f"ganzoo.{module}.registry", lambda: made)
