"""The settings that fully connected generators share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ganzoo.settings import Settings


class GeneratorConfig(Settings):
    """Settings of a fully connected generator. The defaults fit points of the plane."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose samples are learned.")
    latent: int = Field(64, ge=1, description="Dimension of the latent vector.")
    width: int = Field(128, ge=1, description="Units of each hidden layer of the generator.")
    layers: int = Field(2, ge=1, le=16, description="Hidden layers of each network.")


class AdversarialConfig(GeneratorConfig):
    """Settings of a fully connected generator and of the network that judges it."""

    discriminator_width: int = Field(128, ge=1, description="Units of each hidden layer of the discriminator.")
