"""A network that predicts a task's labels, and its training recipe.

DANN, AdaBN, source-only and the oracle share both, so that they differ only in the data that they learn from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from ganzoo.batch import DataSpec
from ganzoo.errors import ConfigError
from ganzoo.nn.backbones import BACKBONES
from ganzoo.nn.optimizers import DECAYS
from ganzoo.nn.randomisation import randomise
from ganzoo.settings import Settings
from ganzoo.task import NoTask, Task


class PredictorConfig(Settings):
    """Settings of a predictor and its training. The defaults fit eyes on a laptop."""

    network: str = Field(
        "gaze",
        description="Name of the backbone: gaze (small, for images of any size), mnist (the DANN "
        "paper's), mlp (for vectors), or that of a plugin.",
    )
    augment: bool = Field(True, description="Augment training images with random shift, scale and illumination.")
    randomisation: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Strength of a random appearance of training images (gamma, lighting, blur, noise, a blank box), "
        "up to 1; not set: none.",
    )
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or SGD with momentum 0.9.")
    lr: float = Field(1e-3, gt=0, description="Initial learning rate.")
    decay: Literal["linear", "annealed", "constant"] = Field(
        "linear",
        description="Learning rate over the run: linear to zero in its second half, annealed by 1 / (1 + 10 p)^0.75 at "
        "progress p as in the DANN paper, or constant.",
    )

    @field_validator("network")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in BACKBONES:
            raise ValueError(f"there is no such backbone; available: {', '.join(BACKBONES)}")
        return name


LAPTOP: dict[str, Any] = {"steps": 1_500, "batch_size": 64}
# Ganin et al. 2016, section 5.2.2. Its batch of 128 is half source and half target; the number of steps is not given.
PAPER: dict[str, Any] = {"network": "mnist", "augment": False, "optimizer": "sgd", "lr": 0.01, "decay": "annealed"}
PAPER_TRAINING: dict[str, Any] = {"steps": 10_000, "batch_size": 64}


class Predictor(nn.Module):
    """Features of a sample, and a head that reads the task's labels from them.

    `shape` is that of a sample: (channels, height, width) of images. Raises ConfigError if the network cannot take it.
    """

    def __init__(self, config: PredictorConfig, shape: tuple[int, ...], task: Task, *, batch_norm: bool) -> None:
        super().__init__()
        self.config, self.task = config, task
        backbone = BACKBONES[config.network]
        if reason := backbone.declines(shape):
            raise ConfigError(f"--network {config.network} {reason}")
        self.features, self.feature_size = backbone.features(shape, batch_norm)
        self.head = backbone.head(self.feature_size, task.output_size)

    def forward(self, images: Tensor) -> Tensor:
        """The task's prediction for images [N, C, H, W] in [-1, 1]: [N, task.label_size]."""
        return self.task.decode(self.head(self.features(images)).float())

    def training_images(self, images: Tensor) -> Tensor:
        """The images for training: augmented, with a random appearance, or unchanged."""
        if images.dim() != 4:
            return images
        images = self.task.augment(images) if self.config.augment else images
        return randomise(images, self.config.randomisation) if self.config.randomisation else images

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """The task's mean loss of training images [N, C, H, W] for labels [N, task.label_size]."""
        return self.loss_of_features(self.features(self.training_images(images)), label)

    def loss_of_features(self, features: Tensor, label: Tensor) -> Tensor:
        """The same for features [N, feature_size]."""
        return self.task.loss(self.head(features).float(), label)


def recipe(config: PredictorConfig) -> tuple[Callable[..., Optimizer], Callable[[float], float]]:
    """The optimizer and the decay of its learning rate, for `Phase`."""
    sgd = config.optimizer == "sgd"
    make = partial(SGD, lr=config.lr, momentum=0.9) if sgd else partial(AdamW, lr=config.lr)
    return make, DECAYS[config.decay]


def declines(config: PredictorConfig, spec: DataSpec) -> str:
    """Why a predictor with these settings cannot work on such data, for `Method.declines`; empty if it can."""
    backbone = BACKBONES[config.network]
    if isinstance(spec.task, NoTask):
        return "predicts labels, but these data have none"
    if spec.sample.kind not in backbone.kinds:
        fitting = " or ".join(name for name, each in BACKBONES.items() if spec.sample.kind in each.kinds)
        return (
            f"has --network {config.network}, which cannot read {spec.sample}; use --network {fitting or 'of a plugin'}"
        )
    reason = backbone.declines(spec.sample.shape)
    return f"has --network {config.network}, which {reason}" if reason else ""
