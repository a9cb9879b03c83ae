"""What a method can do. Each capability is one object with everything the rest of ganzoo needs to know about it."""

from __future__ import annotations

from collections.abc import Sequence

from ganzoo import hookimpl
from ganzoo.capabilities.augment import Augment, Augments
from ganzoo.capabilities.base import Argument, Capability, Exportable, Exported
from ganzoo.capabilities.encode import Encode, Encodes
from ganzoo.capabilities.generate import Generate, Generates, GeneratesFromLatent
from ganzoo.capabilities.generate_from_codes import GenerateFromCodes, GeneratesFromCodes
from ganzoo.capabilities.generate_labelled import GenerateLabelled, GeneratesLabelled, GeneratesLabelledFromLatent
from ganzoo.capabilities.predict import Predict, Predicts
from ganzoo.capabilities.reconstruct import Reconstruct, Reconstructs
from ganzoo.capabilities.refine import Refine, Refines

ganzoo_contract = 2

__all__ = [
    "Argument",
    "Augments",
    "Capability",
    "Encodes",
    "Exportable",
    "Exported",
    "Generates",
    "GeneratesFromCodes",
    "GeneratesFromLatent",
    "GeneratesLabelled",
    "GeneratesLabelledFromLatent",
    "Predicts",
    "Reconstructs",
    "Refines",
]


@hookimpl
def ganzoo_capabilities() -> Sequence[type[Capability]]:
    return [Refine, Predict, Generate, GenerateLabelled, GenerateFromCodes, Encode, Reconstruct, Augment]
