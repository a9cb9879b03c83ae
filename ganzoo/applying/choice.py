"""Selects a capability of a method."""

from __future__ import annotations

from ganzoo.capabilities.base import Capability, all_of
from ganzoo.discovery.registry import registry
from ganzoo.errors import UsageError
from ganzoo.method import Method


def capabilities_of(method: Method | type[Method]) -> dict[str, Capability]:
    """All capabilities of a method, by name."""
    return all_of(registry().found["capabilities"], method)


def capability_of(method: Method | type[Method], name: str | None = None) -> Capability:
    """The named capability of a method; without a name its main one.

    Raises UnknownNameError for a name that no plugin adds, UsageError if the method does not have the capability.
    """
    able = capabilities_of(method)
    if name is None and able:  # capabilities whose output should look like the target come first
        return min(able.values(), key=lambda each: float("inf") if each.realism is None else each.realism)
    if name is not None:
        registry().get("capabilities", name)
    if name not in able:
        has = f"it has {' and '.join(able)}" if able else "it has no capability"
        raise UsageError(f"method {method.name} does not {name or 'make or predict anything'}; {has}")
    return able[name]
