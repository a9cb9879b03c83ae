"""A metric that keeps the whole contract."""

from __future__ import annotations

from pydantic import Field

from ganzoo.capabilities import Generates, Refines
from ganzoo.metric import Metric, Score
from ganzoo.settings import Settings


class HonestConfig(Settings):
    power: float = Field(1.0, gt=0, description="The gap is raised to it.")


class Honest(Metric):
    """The brightness gap of made images."""

    name = "honest"
    summary = "How far the mean brightness is from the target's."
    needs = (Refines, Generates)
    Config = HonestConfig

    def measure(self, data):
        made, target = data.made(), data.domain("target")
        gap = abs(float(made.images.mean()) - float(target.images.mean())) ** self.config.power
        card = {"images": len(made), "fingerprint": target.fingerprint()}
        return [Score("gap", gap, unit="grey levels", better="lower", low=gap - 1, high=gap + 1, card=card)]
