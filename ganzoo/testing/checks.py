"""What a check is, and how a list of them is run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import pytest


class CheckFailed(AssertionError):  # noqa: N818 (it is a verdict on a plugin, as AssertionError is)
    """A plugin breaks its contract: what failed, why that matters, and how to mend it."""

    def __init__(self, subject: str, check: Check, what: str) -> None:
        super().__init__(
            f"{subject} fails {check.name}: {what}.\nWhy it matters: {check.why}\nTo mend it: {check.mend}"
        )
        self.subject, self.check, self.what = subject, check, what


class Violation(Exception):  # noqa: N818 (never leaves the kit: Check turns it into CheckFailed)
    """Raised inside a check with the words that say what failed."""


def require(condition: object, what: str) -> None:
    """Say `what` failed unless `condition` holds."""
    if not condition:
        violate(what)


def violate(what: str) -> NoReturn:
    raise Violation(what)


@dataclass(frozen=True)
class Check:
    """One rule of the contract. Call it with a plugin's class; it raises CheckFailed where the rule is broken."""

    name: str
    kind: type  # the base class, such as Method, whose subclasses it is a rule for
    rule: str  # what holds, in one sentence
    why: str
    mend: str
    body: Callable[[Any], None]

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, subject: Any) -> None:
        try:
            self.body(subject)
        except Violation as violation:
            raise CheckFailed(_name(subject), self, str(violation)) from None
        except Exception as error:  # a stranger's code may raise anything
            raise CheckFailed(_name(subject), self, f"it raised {type(error).__name__}: {error}") from error


CHECKS: list[Check] = []


def check(kind: type, *, why: str, mend: str) -> Callable[[Callable[[Any], None]], Check]:
    """Make a function a check, and add it to CHECKS. Its docstring is the rule, its name that of the check."""

    def register(body: Callable[[Any], None]) -> Check:
        made = Check(body.__name__, kind, (body.__doc__ or "").strip(), why, mend, body)
        CHECKS.append(made)
        return made

    return register


def generate_checks(classes: Iterable[type]) -> Iterator[tuple[type, Check]]:
    """Every class with every check that applies to its kind."""
    for cls in classes:
        yield from ((cls, made) for made in CHECKS if issubclass(cls, made.kind))


def parametrize_with_checks(classes: Iterable[type]) -> pytest.MarkDecorator:
    """A pytest mark for a test with the arguments `plugin` and `check`: it runs once for each pair.

    @parametrize_with_checks([MyMethod])
    def test_conformance(plugin, check):
        check(plugin)
    """
    import pytest  # only plugins' tests need it

    cases = [pytest.param(cls, made, id=f"{_name(cls)}-{made.name}") for cls, made in generate_checks(classes)]
    return pytest.mark.parametrize(("plugin", "check"), cases)


def _name(subject: Any) -> str:
    return str(getattr(subject, "name", getattr(subject, "__name__", subject)))
