"""Plugins stand on the contract alone, as a third party's would; the core's own floors are checked by import-linter."""

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"
FILES = sorted(PLUGINS.rglob("*.py"))
CONTRACT = {
    "errors",
    "settings",
    "task",
    "batch",
    "nn",
    "dataset",
    "method",
    "metric",
    "tracker",
    "files",
    "gaze_range",
}
CONTRACT |= {"cache", "capabilities", "pixels", "progress", "strict_json"}


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
    own = file.relative_to(PLUGINS).parts[0].removesuffix(".py")
    for name in imported(file):
        parts = name.split(".")
        if parts[0] == "ganzoo" and len(parts) > 1:
            assert parts[1] in CONTRACT | {"hookimpl", "__version__"}, name
        if parts[0].startswith("ganzoo_"):
            assert parts[0] == own, name
