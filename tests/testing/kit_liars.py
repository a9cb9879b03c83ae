"""What the tests of the kit share: liars, each with the check that must catch it and the words it must say."""

from __future__ import annotations

from typing import Any

import pytest

from ganzoo.testing import Check, CheckFailed, generate_checks


class Liars:
    """Lies about one honest class: `lie` makes a subclass that differs in its members."""

    def __init__(self, honest: type) -> None:
        self.honest = honest
        self.checks = {check.name: check for _, check in generate_checks([honest], slow=True)}
        self.told: list[tuple[str, str, type]] = []

    def lie(self, check: str, what: str, **members: Any) -> None:
        """A subclass with these members must fail `check`, saying `what`."""
        self.told.append((check, what, type("Liar", (self.honest,), {"__module__": __name__, **members})))

    def rules(self) -> list[Check]:
        """The checks of the class itself; that of its module's imports would judge the tests."""
        return [check for name, check in self.checks.items() if name != "imports_only_the_contract"]

    @property
    def names(self) -> set[str]:
        return {name for name, _, _ in self.told}

    def cases(self) -> pytest.MarkDecorator:
        ids = [f"{name}-{what}" for name, what, _ in self.told]
        return pytest.mark.parametrize(("name", "what", "cls"), self.told, ids=ids)

    def caught(self, name: str, what: str, cls: type) -> None:
        with pytest.raises(CheckFailed) as failure:
            self.checks[name](cls)
        assert what in failure.value.what
        assert "Why it matters: " in str(failure.value)
        assert "How to fix it: " in str(failure.value)
