"""What `ganzoo plugin new` makes keeps the contract, and can be installed, found, benched and removed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from conftest import IMPORTS, ROOT, TOY
from extras import needs

from ganzoo.scaffold.package import KINDS

LONG = "a-very-long-name-of-a-method-nobody-took"  # of forty letters
SUITE = """
images = 64
seeds = 1
[evaluate]
metrics = ["none"]
[train]
batch_size = 8
precision = "fp32"
device = "cpu"
[datasets.toy]
[methods.my-method]
"""


def ran(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=900,
        env={**os.environ, "PYTHONPATH": IMPORTS, **environment},
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def lint_free(folder: Path) -> None:
    ruff = shutil.which("ruff", path=sysconfig.get_path("scripts"))
    if ruff is None:
        pytest.skip("ruff is not installed: pip install ruff")
    ran(ruff, "check", ".", cwd=folder)
    ran(ruff, "format", "--check", ".", cwd=folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["my-plugin", LONG])
def test_every_kind_is_lint_free_as_generated(ganzoo, tmp_path, kind, name):
    needs("test")
    result = ganzoo("plugin", "new", name, "--kind", kind, "--out", "made")
    assert result.exit_code == 0, result.output
    lint_free(tmp_path / "made")


def test_a_package_is_lint_free_with_the_file_of_the_tutorial_in_it(ganzoo, tmp_path):
    assert ganzoo("plugin", "new", "wgan-gp-conv", "--kind", "generator", "--out", "made").exit_code == 0
    tutorial = (ROOT / "docs" / "write-a-method.md").read_text(encoding="utf-8")
    text = re.search(r'^```python title="wgan_gp_conv.py"\n(.*?)^```$', tutorial, re.MULTILINE | re.DOTALL).group(1)
    (tmp_path / "made" / "ganzoo_wgan_gp_conv.py").write_text(text, encoding="utf-8")
    lint_free(tmp_path / "made")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_passes_its_own_tests_as_generated(ganzoo, tmp_path, kind):
    assert ganzoo("plugin", "new", f"my-{kind}", "--kind", kind).exit_code == 0
    said = ran(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / f"ganzoo-my-{kind}")
    counts = {
        "refiner": "40 passed",
        "generator": "39 passed, 1 skipped",  # there is nothing to refine or predict
        "predictor": "39 passed, 1 skipped",  # it couples the batch, so halves are not compared
        "dataset": "11 passed, 1 skipped",  # its rows are not paired
        "metric": "11 passed",
        "criterion": "8 passed",
        "tracker": "5 passed",
        "capability": "8 passed",
    }
    assert f"{counts[kind]} in" in said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refiner", "generator", "predictor"])
def test_every_generated_method_learns_and_survives_a_kill(ganzoo, tmp_path, kind):
    assert ganzoo("plugin", "new", f"my-{kind}", "--kind", kind).exit_code == 0
    file = tmp_path / f"ganzoo-my-{kind}" / f"ganzoo_my_{kind}.py"
    only = ("--only", "learns_the_toy_domain", "--only", "survives_a_kill")
    said = ran(sys.executable, "-m", "ganzoo", "plugin", "check", file, *only, cwd=tmp_path)
    assert "2 ok, 0 failed, 0 skipped" in said


def test_a_name_that_is_taken_is_warned_of(ganzoo):
    result = ganzoo("plugin", "new", "eyes", "--kind", "dataset")
    assert result.exit_code == 0
    assert "warning: there is a dataset 'eyes' already" in result.output
    assert "warning: there is a Python module ganzoo_eyes already" in result.output


def test_a_folder_that_exists_and_a_bad_name_are_refused(ganzoo, tmp_path):
    assert ganzoo("plugin", "new", "mine", "--kind", "metric").exit_code == 0
    again = ganzoo("plugin", "new", "mine", "--kind", "metric")
    assert again.exit_code == 2
    assert "Error: ganzoo-mine exists; name another folder with --out" in again.output
    bad = ganzoo("plugin", "new", "My Method")
    assert bad.exit_code == 2
    assert "cannot be the name of a plugin" in bad.output
    assert [path.name for path in tmp_path.iterdir()] == ["ganzoo-mine"]


@pytest.fixture(scope="module")
def fresh_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own that sees the installed packages, and into which a plugin can be installed."""
    if shutil.which("pip", path=sysconfig.get_path("scripts")) is None:
        pytest.skip("pip is not installed")
    needs("test")  # hatchling, which builds the package
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, symlinks=os.name != "nt")
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(place), "platbase": str(place)}))
    (own / "base.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return Path(sysconfig.get_path("scripts", "venv", {"base": str(place)})) / "python"


@pytest.mark.slow
def test_a_package_is_built_installed_found_benched_and_removed(ganzoo, tmp_path, fresh_python):
    assert ganzoo("plugin", "new", "my-method", "--license", "mit", "--author", "Ada Lovelace").exit_code == 0
    pip, environment = (fresh_python, "-m", "pip", "--quiet", "--disable-pip-version-check"), {"COLUMNS": "200"}
    ran(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", ".", "./ganzoo-my-method", cwd=tmp_path)
    (wheel,) = tmp_path.glob("ganzoo_my_method-0.1.0-*.whl")
    ran(*pip, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    shutil.rmtree(tmp_path / "ganzoo-my-method")  # nothing may come from the folder any more

    listed = ran(fresh_python, "-m", "ganzoo", "plugin", "list", cwd=tmp_path, **environment)
    row = next(line.split() for line in listed.splitlines() if line.strip().startswith("my-method"))
    assert row == ["my-method", "methods:", "my-method", "ganzoo-my-method", "0.1.0", "2", "ok"]

    (tmp_path / "tiny.toml").write_text(SUITE)
    command = (fresh_python, "-m", "ganzoo", "bench", "tiny.toml", "--plugin", TOY, "--jobs", 1, "--out", "out")
    ran(*command, cwd=tmp_path, OMP_NUM_THREADS="1")
    records = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [record["label"] for record in records] == ["my-method"]

    ran(*pip, "uninstall", "--yes", "ganzoo-my-method", cwd=tmp_path)
    assert "my-method" not in ran(fresh_python, "-m", "ganzoo", "plugin", "list", cwd=tmp_path, **environment)
