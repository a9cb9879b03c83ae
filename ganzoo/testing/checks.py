"""What a check is, and how a list of them is run."""

from __future__ import annotations

import sys
import traceback
import unittest
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ganzoo.testing.configured import name_of, subjects

if TYPE_CHECKING:
    import pytest

Kind = type | tuple[type, ...]


class CheckFailed(AssertionError):  # noqa: N818 (it is a verdict on a plugin, as AssertionError is)
    """A plugin breaks its contract: what failed, why that matters, and how to fix it."""

    def __init__(self, subject: str, check: Check, what: str) -> None:
        super().__init__(
            f"{subject} fails {check.name}: {what}.\nWhy it matters: {check.why}\nHow to fix it: {check.fix}"
        )
        self.subject, self.check, self.what = subject, check, what


class CheckSkipped(unittest.SkipTest):  # which pytest shows as a skipped test
    """A check cannot be run here; the message is the reason."""


class Violation(Exception):  # noqa: N818 (never leaves the kit: Check turns it into CheckFailed)
    """Raised inside a check with what failed, in words."""


def require(condition: object, what: str) -> None:
    """Report that `what` failed unless `condition` holds."""
    if not condition:
        violate(what)


def violate(what: str) -> NoReturn:
    raise Violation(what)


def skip(reason: str) -> NoReturn:
    """Skip the check, which cannot be run here, with the reason."""
    raise CheckSkipped(reason)


@dataclass(frozen=True)
class Check:
    """One rule of the contract, for the subclasses of `kind`.

    Call it with a plugin's class: it raises CheckFailed if the rule is broken, and CheckSkipped if it cannot be
    run.
    """

    name: str
    kind: Kind  # the base class, such as Method, whose subclasses it is a rule for; or several
    rule: str  # what holds, in one sentence
    why: str
    fix: str
    body: Callable[[Any], None]
    slow: bool = False  # takes seconds to minutes: run only if requested
    once: bool = False  # does not depend on settings: run once for a method, not for each of its presets

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, subject: Any) -> None:
        try:
            self.body(subject)
        except Violation as violation:
            raise CheckFailed(name_of(subject), self, str(violation)) from None
        except CheckSkipped:
            raise
        except Exception as error:  # third-party code may raise anything
            what = f"it raised {type(error).__name__}: {error}{_place(subject, error)}"
            raise CheckFailed(name_of(subject), self, what) from error


CHECKS: list[Check] = []


def check(
    kind: Kind, *, why: str, fix: str, slow: bool = False, once: bool = False
) -> Callable[[Callable[[Any], None]], Check]:
    """Register a function as a check in CHECKS. Its docstring is the rule, its name that of the check."""

    def register(body: Callable[[Any], None]) -> Check:
        made = Check(body.__name__, kind, (body.__doc__ or "").strip(), why, fix, body, slow, once)
        CHECKS.append(made)
        return made

    return register


def generate_checks(classes: Iterable[type], *, slow: bool = False) -> Iterator[tuple[type, Check]]:
    """Every class with every check that applies to its kind; `slow` ones too if requested.

    A method comes again with the settings of each of its presets (`ganzoo.testing.configured.subjects`), for the checks
    whose outcome can depend on settings.
    """
    for cls in classes:
        for number, subject in enumerate(subjects(cls)):
            for made in CHECKS:
                if issubclass(cls, made.kind) and (slow or not made.slow) and not (made.once and number):
                    yield subject, made


def parametrize_with_checks(
    classes: Iterable[type], *, expected_failures: Mapping[str, str] | None = None, slow: bool = False
) -> pytest.MarkDecorator:
    """A pytest mark for a test with the arguments `plugin` and `check`: it runs once for each pair.

    `classes` are methods, datasets, metrics, trackers, engines, capabilities, tasks, backbones and criteria.
    `expected_failures` maps the name of a check to the reason why these classes break it. Such a test is an expected
    failure with that reason, and fails if the check passes, so that the list stays true. Raises ValueError for an
    unknown check and for an empty reason.

    @parametrize_with_checks([MyMethod], expected_failures={"halves_add_up": "Issue 12: the loss is a sum."})
    def test_conformance(plugin, check):
        check(plugin)
    """
    import pytest  # only plugins' tests need it

    reasons = dict(expected_failures or {})
    pairs = list(generate_checks(classes, slow=slow))
    for name, reason in reasons.items():
        if name not in {made.name for _, made in pairs}:
            raise ValueError(f"expected_failures: no check {name!r} applies to these classes")
        if not reason.strip():
            raise ValueError(f"expected_failures: the check {name!r} needs a written reason")

    def marks(made: Check) -> list[pytest.MarkDecorator]:
        known = made.name in reasons
        return [pytest.mark.xfail(reason=reasons[made.name], raises=CheckFailed, strict=True)] if known else []

    cases = [pytest.param(cls, made, id=f"{name_of(cls)}-{made.name}", marks=marks(made)) for cls, made in pairs]
    return pytest.mark.parametrize(("plugin", "check"), cases)


def _place(subject: Any, error: Exception) -> str:
    """The innermost line of the plugin itself that the error passed."""
    module = sys.modules.get(str(getattr(subject, "__module__", "")).split(".")[0])
    own = Path(getattr(module, "__file__", None) or ".")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file == own or (own.name == "__init__.py" and own.parent in file.parents):
            return f" ({file.name}, line {frame.lineno})"
    return ""
