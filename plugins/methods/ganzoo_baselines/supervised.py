"""What the baselines that train a predictor on one domain share."""

from __future__ import annotations

from pydantic import Field

from ganzoo.method import Presets
from ganzoo.nn.predictor import LAPTOP, PAPER, PAPER_TRAINING, PredictorConfig


class SupervisedConfig(PredictorConfig):
    """Settings of a predictor that is trained on labelled images of one domain."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution; the DANN paper has none.")


PRESETS: Presets = {
    "default": {"train": LAPTOP},
    "paper": {"method": {**PAPER, "batch_norm": False}, "train": PAPER_TRAINING},
}
