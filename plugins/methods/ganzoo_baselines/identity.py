"""No refinement: the baseline of every refiner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from ganzoo import hookimpl
from ganzoo.method import Method, Phase, Presets
from ganzoo.settings import Settings

ganzoo_contract = 2


class Identity(Method):
    name = "identity"
    reads = ("source",)
    summary = "Returns synthetic images unchanged."
    paper = ""
    Config = Settings
    presets: ClassVar[Presets] = {"default": {"train": {"steps": 0}}}

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def refine(self, source: Tensor) -> Tensor:
        return source


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [Identity]
