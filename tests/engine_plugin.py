"""A plugin in a file with the engine of the conformance kit, which can lose, double and delay jobs."""

from __future__ import annotations

from ganzoo import hookimpl
from ganzoo.testing.toy_engines import ToyEngine


@hookimpl
def ganzoo_engines():
    return [ToyEngine]
