"""Writes docs/contract.md from the docstrings of the contract. `--check` only says whether the page is true."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import ganzoo
from ganzoo import CONTRACT, PUBLIC_PACKAGES
from ganzoo.discovery import hookspecs
from ganzoo.discovery.registry import KINDS
from ganzoo.testing import CHECKS

PAGE = Path(__file__).with_name("contract.md")
MODULES = (
    "method", "batch", "task", "settings", "dataset", "metric", "criterion", "tracker", "engine", "capabilities.base",
    "capabilities.refine", "capabilities.predict", "capabilities.generate", "capabilities.generate_labelled",
    "capabilities.generate_from_codes", "capabilities.encode", "capabilities.reconstruct", "capabilities.augment",
    "nn.backbones", "nn.pretrained", "files.archive",
)  # fmt: skip
INTRODUCTION = f"""# The contract of a plugin

<!-- Made by docs/generate_contract.py from the docstrings; change those and run it again. -->

A plugin is a Python module with hooks. It is found by an entry point in the group `ganzoo`, or loaded from a file with
`--plugin FILE`. Hooks only return classes, once, when ganzoo starts; none runs inside the training loop.
[write-a-method.md](write-a-method.md) is the tutorial; `ganzoo plugin check NAME_OR_FILE` runs
[the checks](#checks) below.

## The module
`ganzoo_contract = {CONTRACT}` in the plugin's module is the version of these hooks and classes that it was written for.
ganzoo does not load a plugin for another version, and says what to change. A module without this line
is loaded. The environment variable `GANZOO_DISABLE_PLUGINS` (names separated by commas) disables plugins.
`ganzoo plugin list` shows every plugin with its package, version, contract and state. Two classes of one kind cannot
have the same name: ganzoo's own come first, then packages by the names of their plugins. The later plugin is not
loaded.

## Errors
A plugin raises subclasses of `ganzoo.errors.GanzooError` for what a user can fix: one sentence that names the file or
setting, what was expected, and what to type. [Errors](reference/errors.md) lists them.
"""


CHECKS_INTRODUCTION = """## Checks
`ganzoo plugin check` and `ganzoo.testing.parametrize_with_checks` run these. Slow ones run with `--slow`, or
`slow=True`. `--only CHECK` runs one of them, `--set SETTING=VALUE` checks with that setting, such as a small size of a
dataset (`ganzoo.testing.configured` does it in a test). If a plugin breaks a rule on purpose, its test states the
reason, and fails once the rule is kept:

```python
@parametrize_with_checks([MyMethod], expected_failures={"halves_add_up": "Issue 12: the loss is a sum."})
def test_contract(plugin, check):
    check(plugin)
```

A check that cannot run is skipped with the reason: absent data, a missing library, no GPU.
Extractors and archives are not checked yet.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *_modules(), *_hooks(), "## Classes", *_classes(), *_checks()]).rstrip() + "\n"


def _modules() -> Iterator[str]:
    yield (
        "## Modules\nA plugin may import the modules at the top of ganzoo and those of its packages "
        + " and ".join(
            filter(None, (", ".join(f"`{name}`" for name in PUBLIC_PACKAGES[:-1]), f"`{PUBLIC_PACKAGES[-1]}`"))
        )
        + ". All other packages are private and change between versions.\n"
    )
    yield "| module | what it holds |\n|---|---|"
    root = Path(ganzoo.__file__).parent
    for folder in (root, *(root / name for name in PUBLIC_PACKAGES)):
        yield from (_module(root, file) for file in sorted(folder.glob("[a-z]*.py")))
    yield ""


def _module(root: Path, file: Path) -> str:
    """The row of one module: its name and the first paragraph of its docstring."""
    name = ".".join(file.relative_to(root).with_suffix("").parts)
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return f"| `ganzoo.{name}` | {_line(said.split(chr(10) * 2)[0])} |"


def _hooks() -> Iterator[str]:
    yield "## Hooks\nEach is a function without arguments, marked with `@ganzoo.hookimpl`, which returns classes.\n"
    yield "| hook | what it returns |\n|---|---|"
    for kind, base in KINDS.items():
        said = _line(inspect.getdoc(getattr(hookspecs, f"ganzoo_{kind}")) or "")
        yield f"| `ganzoo_{kind}` | {said} Subclasses of `{base.__module__}.{base.__name__}`. |"
    yield ""


def _classes() -> Iterator[str]:
    for name in MODULES:
        module = importlib.import_module(f"ganzoo.{name}")
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and not cls.__name__.startswith("_"):
                yield from _class(module, cls)


def _class(module: ModuleType, cls: type) -> Iterator[str]:
    yield f"### `{module.__name__}.{cls.__name__}`"
    own = (
        vars(cls).get("__doc__") or vars(cls).get("summary") or ""
    )  # an inherited one is of another class, or Python's
    yield re.sub(r"(?<!\n)\n(?!\n|- )", " ", inspect.cleandoc(own)) + "\n"
    members = dict(_members(module, cls))
    if members:
        yield "| member | meaning |\n|---|---|"
        yield from (f"| `{shown}` | {meaning} |" for shown, meaning in members.items())
        yield ""


def _members(module: ModuleType, cls: type) -> Iterator[tuple[str, str]]:
    """Fields, properties and functions that a class declares itself, as they are shown, with what they mean."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    node = next(each for each in ast.parse(source).body if isinstance(each, ast.ClassDef) and each.name == cls.__name__)
    for at, each in enumerate(node.body):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and _is_shown(each.target.id):
            after = node.body[at + 1] if at + 1 < len(node.body) else None
            default = f" Default: `{ast.unparse(each.value)}`." if each.value is not None else ""
            default = "" if "field(" in default else default
            comment = re.search(r"  # (.+)$", lines[(each.end_lineno or each.lineno) - 1])
            said = comment[1] if comment else _literal(after)
            meaning = _line(said) if said else f"`{_cell(ast.unparse(each.annotation))}`."
            yield each.target.id, meaning + default
        elif isinstance(each, ast.FunctionDef) and _is_shown(each.name):
            returns = f"`{_cell(ast.unparse(each.returns))}`." if each.returns else ""
            said = _line(ast.get_docstring(each) or "") or returns
            is_property = any(ast.unparse(mark) == "property" for mark in each.decorator_list)
            names = [arg.arg for arg in (*each.args.args, *each.args.kwonlyargs) if arg.arg not in ("self", "cls")]
            yield (each.name if is_property else f"{each.name}({', '.join(names)})"), said


def _is_shown(name: str) -> bool:
    return not name.startswith("_") and name != "model_config"


def _literal(node: ast.stmt | None) -> str:
    """The docstring below a field."""
    value = node.value if isinstance(node, ast.Expr) else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _line(text: str) -> str:
    """A text as a sentence in a cell of a table."""
    said = _cell(" ".join(text.split()))
    said = said[:1].upper() + said[1:] if said[:1].isalpha() else said
    return said if not said or said[-1] in ".!?" else f"{said}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _checks() -> Iterator[str]:
    yield CHECKS_INTRODUCTION
    yield "| check | of | rule |\n|---|---|---|"
    for check in CHECKS:
        bases = check.kind if isinstance(check.kind, tuple) else (check.kind,)
        kinds = ", ".join(_plural(base.__name__.lower()) for base in bases)
        yield f"| `{check.name}` | {kinds}{' (slow)' if check.slow else ''} | {_line(check.rule)} |"


def _plural(word: str) -> str:
    if word.endswith("rion"):
        return word[:-2] + "a"  # criteria
    return word[:-1] + "ies" if word.endswith("y") else f"{word}s"


def main(arguments: list[str]) -> int:
    made = page()
    if "--check" in arguments:
        if PAGE.read_text(encoding="utf-8") != made:
            print(f"{PAGE} is not what the docstrings say; run: python docs/generate_contract.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
