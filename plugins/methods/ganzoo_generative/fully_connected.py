"""The settings that fully connected generators share."""

from __future__ import annotations

from math import prod
from typing import Literal

from pydantic import Field

from ganzoo.batch import Column
from ganzoo.settings import Settings

LATENT: int = Field(
    0, ge=0, description="Dimension of the latent vector; 0: that of a vector that is learned, 64 for images."
)


def latent_size(latent: int, sample: Column) -> int:
    """The dimension of the latent vector: few numbers cannot make an image, and many let points collapse."""
    return latent or (64 if sample.kind == "image" else prod(sample.shape))


class GeneratorConfig(Settings):
    """Settings of a fully connected generator. The defaults fit points of the plane."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    latent: int = LATENT
    width: int = Field(128, ge=1, description="Units of each hidden layer of the generator.")
    layers: int = Field(2, ge=1, le=16, description="Hidden layers of each network.")


class AdversarialConfig(GeneratorConfig):
    """Settings of a fully connected generator and of the network that judges it."""

    discriminator_width: int = Field(128, ge=1, description="Units of each hidden layer of the discriminator.")
