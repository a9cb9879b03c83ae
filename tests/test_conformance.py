"""Every registered method keeps the contract."""

from __future__ import annotations

from ganzoo.discovery.registry import registry
from ganzoo.testing import parametrize_with_checks


@parametrize_with_checks(registry().found["methods"].values())
def test_conformance(plugin, check):
    check(plugin)
