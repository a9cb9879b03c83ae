"""`pytest --skipped` runs only the tests that skipped when they last ran: what a newly installed extra enables."""

from __future__ import annotations

import pytest

PLACE = "ganzoo/skipped"  # in pytest's cache
OPTION = "--skipped"


def add_option(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="run only the tests that skipped when they last ran")


class Skipped:
    """Keeps the names of the tests that skipped, and chooses them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.cache = getattr(config, "cache", None)  # absent under `-p no:cacheprovider`
        self.names: set[str] = set(self.cache.get(PLACE, []) if self.cache else [])

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.config.getoption(OPTION):
            others = [item for item in items if item.nodeid not in self.names]
            items[:] = [item for item in items if item.nodeid in self.names]
            self.config.hook.pytest_deselected(items=others)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.names.add(report.nodeid)
        elif report.when == "call":
            self.names.discard(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        if self.cache and not hasattr(self.config, "workerinput"):  # the process that hears of all tests
            self.cache.set(PLACE, sorted(self.names))
