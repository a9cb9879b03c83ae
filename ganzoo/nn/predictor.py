"""A network that predicts a task's labels, and its training recipe.

DANN, AdaBN, source-only and the oracle share both, so that they differ in what they learn from and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from ganzoo.errors import ConfigError
from ganzoo.nn.augmentation import augment
from ganzoo.settings import Settings
from ganzoo.task import Task


class PredictorConfig(Settings):
    """Settings of a predictor and its training. The defaults fit eyes on a laptop."""

    network: Literal["gaze", "mnist"] = Field(
        "gaze", description="Layers: a small gaze network for images of any size, or the DANN paper's for MNIST."
    )
    augment: bool = Field(True, description="Vary place, size and light of the training images.")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="AdamW, or SGD with momentum 0.9.")
    lr: float = Field(1e-3, gt=0, description="Learning rate at the start.")
    decay: Literal["linear", "annealed", "constant"] = Field(
        "linear",
        description="Learning rate over the run: to zero in its second half, by 1 / (1 + 10 p)^0.75 at progress p as "
        "in the DANN paper, or constant.",
    )


LAPTOP: dict[str, Any] = {"steps": 1_500, "batch_size": 64}
# Ganin et al. 2016, section 5.2.2. Its batch of 128 is half source and half target; it does not give the steps.
PAPER: dict[str, Any] = {"network": "mnist", "augment": False, "optimizer": "sgd", "lr": 0.01, "decay": "annealed"}
PAPER_TRAINING: dict[str, Any] = {"steps": 10_000, "batch_size": 64}


class Predictor(nn.Module):
    """Features of an image, and a head that reads the task's labels from them.

    `image_shape` is (channels, height, width). Raises ConfigError where images are too small for the network.
    """

    def __init__(
        self, config: PredictorConfig, image_shape: tuple[int, int, int], task: Task, *, batch_norm: bool
    ) -> None:
        super().__init__()
        self.config, self.task = config, task
        if config.network == "mnist":
            self.features, self.feature_size = mnist_features(image_shape, batch_norm)
            self.head = nn.Sequential(
                nn.Linear(self.feature_size, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(),
                nn.Linear(100, task.output_size),
            )  # fmt: skip
        else:
            self.features, self.feature_size = gaze_features(image_shape, batch_norm)
            self.head = nn.Sequential(nn.Linear(self.feature_size, task.output_size))

    def forward(self, images: Tensor) -> Tensor:
        """The task's prediction for images [N, C, H, W] in [-1, 1]: [N, task.label_size]."""
        return self.task.decode(self.head(self.features(images)).float())

    def training_images(self, images: Tensor) -> Tensor:
        """The images as they are learnt from: augmented, or as they are."""
        return augment(images) if self.config.augment else images

    def loss(self, images: Tensor, label: Tensor) -> Tensor:
        """The task's mean loss of training images [N, C, H, W] for labels [N, task.label_size]."""
        return self.loss_of_features(self.features(self.training_images(images)), label)

    def loss_of_features(self, features: Tensor, label: Tensor) -> Tensor:
        """The same of features [N, feature_size]."""
        return self.task.loss(self.head(features).float(), label)


def optimizer(config: PredictorConfig) -> Callable[..., Optimizer]:
    """Makes the optimizer that the settings name."""
    return partial(SGD, lr=config.lr, momentum=0.9) if config.optimizer == "sgd" else partial(AdamW, lr=config.lr)


def gaze_features(image_shape: tuple[int, int, int], batch_norm: bool) -> tuple[nn.Sequential, int]:
    """A network of four convolutions for small eyes, and the number of its features. Takes images of any size."""
    channels, height, width = image_shape
    down = nn.MaxPool2d(2, ceil_mode=True)
    rows, columns = -(-height // 8), -(-width // 8)
    return nn.Sequential(
        *_convolution(channels, 32, 5, batch_norm, stride=2, padding=2),
        *_convolution(32, 48, 3, batch_norm, padding=1), down,
        *_convolution(48, 64, 3, batch_norm, padding=1),
        *_convolution(64, 64, 3, batch_norm, padding=1), down,
        nn.Flatten(), nn.Linear(64 * rows * columns, 256), nn.ReLU(),
    ), 256  # fmt: skip


def mnist_features(image_shape: tuple[int, int, int], batch_norm: bool) -> tuple[nn.Sequential, int]:
    """The feature extractor of Ganin et al. 2016, figure 4 (a), and the number of its features: 768 at 28 x 28."""
    channels, *size = image_shape
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in size)
    if rows < 1 or columns < 1:
        raise ConfigError(
            f"--network mnist takes images of 16 x 16 pixels and more, and these are {size[0]} x {size[1]}; "
            "use --network gaze"
        )
    return nn.Sequential(
        *_convolution(channels, 32, 5, batch_norm), nn.MaxPool2d(2),
        *_convolution(32, 48, 5, batch_norm), nn.MaxPool2d(2),
        nn.Flatten(),
    ), 48 * rows * columns  # fmt: skip


def _convolution(
    channels: int, maps: int, kernel: int, batch_norm: bool, stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, maps, kernel, stride, padding, bias=not batch_norm)
    return [convolution, nn.BatchNorm2d(maps), nn.ReLU()] if batch_norm else [convolution, nn.ReLU()]


def annealed(progress: float) -> float:
    """The learning-rate factor of Ganin et al. 2016, section 5.2.2, with alpha 10 and beta 0.75."""
    return (1 + 10 * progress) ** -0.75
