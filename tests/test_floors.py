"""Plugins stand on the contract alone, as a third party's would; the core's own floors are checked by import-linter."""

import ast
from pathlib import Path

import pytest

import ganzoo
from ganzoo.testing.declaration import may_be_imported

ROOT = Path(__file__).parents[1]
PLUGINS = ROOT / "plugins"
FILES = sorted(PLUGINS.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """The dotted names of all modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PLUGINS)))
def test_a_plugin_imports_the_contract_and_never_another_plugin(file):
    own = file.relative_to(PLUGINS).parts[1]
    for name in imported(file):
        package = name.split(".")[0]
        assert package != "ganzoo" or may_be_imported(name), name
        assert not package.startswith("ganzoo_") or package == own, name


def test_the_top_of_ganzoo_is_the_contract():
    for name in (
        "ganzoo.method",
        "ganzoo.pixels.to_uint8",
        "ganzoo.nn.ema.ExponentialMovingAverage",
        "ganzoo.hookimpl",
        "ganzoo",
    ):
        assert may_be_imported(name), name
    for folder in (ROOT / "ganzoo").iterdir():
        if (folder / "__init__.py").is_file():
            assert may_be_imported(f"ganzoo.{folder.name}.x") == (folder.name in ganzoo.PUBLIC_PACKAGES)


def test_the_contract_page_describes_each_public_module():
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    modules = {file.stem for file in (ROOT / "ganzoo").glob("[a-z]*.py")} | set(ganzoo.PUBLIC_PACKAGES)
    assert not [name for name in modules if f"ganzoo.{name}" not in page]
