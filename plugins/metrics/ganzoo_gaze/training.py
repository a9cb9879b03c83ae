"""Gaze networks that metrics share: the same settings and the same images give the same network, trained once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.method import Method
from ganzoo.metric import Extraction
from ganzoo.nn.predictor import PredictorConfig
from ganzoo.pixels import to_unit_range
from ganzoo.settings import Settings
from ganzoo.task import GazeTask, NoTask
from ganzoo_gaze.network import GazeNetwork, GazeNetworkConfig
from ganzoo_gaze.small import SmallGazeNetwork

NETWORKS = {
    "paper": "gaze network of Shrivastava et al. 2017, Euclidean loss, AdamW, one cycle",
    "small": "small gaze network with BatchNorm, Euclidean loss, AdamW, linear decay: that of source-only and dann",
}
CHUNK = 512  # images per batch


class GazeTraining(Settings):
    """The budget of a gaze network. The same defaults everywhere, so that metrics share one network."""

    network: Literal["paper", "small"] = Field(
        "paper", description="paper: that of the SimGAN paper; small: that of source-only and dann, six times cheaper."
    )
    steps: int = Field(600, ge=1, description="Training steps of a gaze network.")
    batch_size: int = Field(64, ge=1, description="Images in a training step of a gaze network.")
    lr: float = Field(1e-3, gt=0, description="Highest learning rate of a gaze network.")
    augment: bool = Field(True, description="Augment position, scale and lighting of its training images.")
    randomisation: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Strength of a random appearance of its training images, as in predictors; for --network small.",
    )
    network_seed: int = Field(0, ge=0, description="Seed of the gaze network's weights, noise and order of the data.")


def require_gaze(data: Extraction, what: str) -> GazeTask:
    """The evaluation's task. Raises MetricUnavailableError if labels are not gaze."""
    if not isinstance(data.spec.task, GazeTask):
        has = "has none" if isinstance(data.spec.task, NoTask) else f"has labels of the task {data.spec.task.name}"
        raise MetricUnavailableError(f"{what} needs gaze labels, and this dataset {has}")
    return data.spec.task


def train(data: Extraction, source: Domain, settings: GazeTraining) -> Method:
    """A gaze network trained on a labelled domain."""
    network: Method
    if settings.network == "small":
        network = SmallGazeNetwork(_small_config(settings), data.spec)
    else:
        network = GazeNetwork(GazeNetworkConfig(lr=settings.lr, augment=settings.augment), data.spec)
    return data.fit(network, source, steps=settings.steps, batch_size=settings.batch_size, seed=settings.network_seed)


def _small_config(settings: GazeTraining) -> PredictorConfig:
    return PredictorConfig(lr=settings.lr, augment=settings.augment, randomisation=settings.randomisation)


def predict(data: Extraction, network: Any, images: np.ndarray) -> Tensor:
    """The predictions of a method for uint8 images [N, C, H, W]: [N, 2] on the CPU, in float32."""
    with torch.no_grad():
        chunks = (torch.from_numpy(np.array(images[start : start + CHUNK])) for start in range(0, len(images), CHUNK))
        return torch.cat([network.predict(to_unit_range(chunk.to(data.device))).cpu().float() for chunk in chunks])


def training_card(settings: GazeTraining) -> Mapping[str, Any]:
    """The part of a score card that says how its gaze networks were trained."""
    return {
        **settings.model_dump(exclude_none=True),
        "network": NETWORKS[settings.network],
        "versions": {"torch": version("torch")},
    }
