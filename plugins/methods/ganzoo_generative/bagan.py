"""BAGAN: Data Augmentation with Balancing GAN (Mariani et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets, Stage
from ganzoo.nn.convolutional import convolutional_discriminator, convolutional_generator
from ganzoo.nn.diagnosis import mode_collapse
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.full_precision import without_autocast
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.optimizers import adam, linear_decay
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask, Task
from ganzoo_generative.conditional import GAZE, declines_labels, one_hot

ganzoo_contract = 2
RIDGE = 1e-3  # added to the variances of codes, so that every covariance has a factor
ROUNDING = 1e-5  # of the mean square of codes is added too: what rounding to float32 can take away from a variance


class BAGANConfig(Settings):
    """Settings of BAGAN. The defaults fit small images on a laptop."""

    domain: Literal["source", "target"] = Field(
        "source", description="The domain that is learned with its labels; with the target's it is an oracle."
    )
    bins: int = Field(4, ge=1, le=16, description="Bins of pitch and of yaw from -0.5 to 0.5 rad, if labels are gaze.")
    latent: int = Field(32, ge=1, description="Dimension of a code.")
    width: int = Field(16, ge=1, description="Feature maps at half the image's size, doubled at each level.")
    levels: int = Field(2, ge=1, le=5, description="Times that images are halved and doubled in size.")
    units: int = Field(128, ge=1, description="Units of the hidden layers, for points.")
    adversarial: float = Field(1.0, gt=0, description="Steps of the adversarial stage per step of the autoencoder's.")
    memory: float = Field(0.999, gt=0, lt=1, description="Decay of a class's moments with each of its samples.")
    autoencoder_lr: float = Field(1e-3, gt=0, description="Learning rate of the autoencoder, falling to zero.")
    lr: float = Field(2e-4, gt=0, description="Learning rate of the adversarial stage.")


class BAGAN(Method):
    """Two stages (section 3). An autoencoder learns from all classes, and the mean and covariance of each class's codes
    are recorded. Then the decoder is the generator, which draws codes of a class from its Gaussian, and the
    encoder's copy the trunk of a discriminator with an output for each class and one for generated samples. The
    generator is asked for all classes equally often, and must be taken for the class that it was asked for.

    Departures: the moments are running ones of the autoencoder's last steps, in which its learning rate falls to
    zero (theirs: a pass over all data); convolutions are DCGAN's; rare gaze is balanced in bins of both angles.
    """

    name = "bagan"
    summary = "Generates samples of classes, rare ones as often as others, from an autoencoder's codes of each class."
    paper = "https://arxiv.org/abs/1803.09655"
    Config = BAGANConfig
    reads = ("source", "source_label")
    kinds = ("image", "vector")
    tasks: ClassVar[tuple[type[Task], ...]] = (ClassTask, GazeTask)
    couples_batch = True  # BatchNorm
    checked_at_most: ClassVar = {"width": 8, "units": 32}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 64}},
        "paper": {
            "method": {"latent": 100, "width": 64, "levels": 3, "autoencoder_lr": 5e-5, "lr": 5e-5},
            "train": {"steps": 60_000, "batch_size": 128},
        },
    }

    count: Tensor
    total: Tensor
    products: Tensor
    mean: Tensor
    factor: Tensor

    def __init__(self, config: BAGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample, size = spec.column(config.domain), config.latent
        self.sample = sample
        self.classes = spec.task.classes if isinstance(spec.task, ClassTask) else config.bins**2
        self.encoder = encoder(sample, config)
        self.generator: nn.Module
        if sample.kind == "image":
            self.generator = convolutional_generator(sample, latent=size, width=config.width, levels=config.levels)
        else:
            self.generator = perceptron(size, config.units, 2, prod(sample.shape))
        self.trunk = encoder(sample, config)
        self.head = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(size, self.classes + 1))
        # Moments of the codes of each class; they begin as those of one standard normal code.
        self.register_buffer("count", torch.ones(self.classes))
        self.register_buffer("total", torch.zeros(self.classes, size))
        self.register_buffer("products", torch.eye(size).repeat(self.classes, 1, 1))
        self.register_buffer("mean", torch.zeros(self.classes, size))
        self.register_buffer("factor", torch.eye(size).repeat(self.classes, 1, 1))

    @classmethod
    def columns(cls, config: BAGANConfig) -> tuple[str, ...]:
        return (config.domain, f"{config.domain}_label")

    @classmethod
    def is_oracle(cls, config: BAGANConfig) -> bool:
        return config.domain == "target"

    @classmethod
    def declines(cls, config: BAGANConfig, spec: DataSpec) -> str:
        return declines_labels(spec, config.domain)

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        against = adam(config.lr)
        return {
            "autoencoder": Phase(
                [self.encoder, self.generator],
                self.autoencoder_loss,
                adam(config.autoencoder_lr),
                linear_decay,
                averages=("count", "total", "products"),
            ),
            "discriminator": Phase([self.trunk, self.head], self.discriminator_loss, against),
            "generator": Phase([self.generator], self.generator_loss, against),
        }

    def stages(self) -> Sequence[Stage]:
        return (
            Stage("autoencoder", 1.0, lambda step: ("autoencoder",)),
            Stage(
                "adversarial",
                self.config.adversarial,
                lambda step: ("discriminator", "generator"),
                begin=self.begin_adversarial,
                resting=[self.encoder],
            ),
        )

    def begin_adversarial(self) -> None:
        """The discriminator starts from the encoder, and the Gaussians of the classes are fixed (section 3.2)."""
        self.trunk.load_state_dict(self.encoder.state_dict())
        mean = self.total / self.count[:, None]
        covariance = self.products / self.count[:, None, None] - mean[:, :, None] * mean[:, None]
        rounding = ROUNDING * (self.products / self.count[:, None, None]).diagonal(0, 1, 2).amax(1)
        ridge = (RIDGE + rounding)[:, None, None] * torch.eye(self.config.latent, device=mean.device)
        self.mean.copy_(mean)
        self.factor.copy_(torch.linalg.cholesky(covariance + ridge))

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Real samples, and the class of each, int64 [N]."""
        samples, label = self.columns(self.config)
        return batch[samples], self.class_of(batch[label])

    def class_of(self, labels: Tensor) -> Tensor:
        """The class of labels [N, label_size], or the bin of their gaze: int64 [N]."""
        if isinstance(self.spec.task, ClassTask):
            return labels[:, 0].long()
        bins: int = self.config.bins
        places = ((labels / GAZE + 1) / 2 * bins).long().clamp(0, bins - 1)
        return places[:, 0] * bins + places[:, 1]

    def autoencoder_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        real, classes = self.read(batch)
        codes = self.encoder(real).float()
        self.record(codes.detach(), classes)
        return {"error": F.mse_loss(self.decode(codes), real)}

    @torch.no_grad()
    def record(self, codes: Tensor, classes: Tensor) -> None:
        """Running sums of the codes of each class, which decay with each of its samples, however rare these are.

        In float32: sums of products that were rounded to bfloat16 need not be those of a covariance.
        """
        belongs = one_hot(classes, self.classes).T  # [classes, N]
        fades = self.config.memory ** belongs.sum(1)
        with without_autocast(codes.device):
            self.count.mul_(fades).add_(belongs.sum(1))
            self.total.mul_(fades[:, None]).add_(belongs @ codes)
            self.products.mul_(fades[:, None, None]).add_(torch.einsum("cn,ni,nj->cij", belongs, codes, codes))

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Real samples are of their classes; generated ones are as many as a class has on average (section 3.2)."""
        real, classes = self.read(batch)
        count = -(-len(real) // self.classes)
        with torch.no_grad():
            made = self.generate_classes(self.balanced(count, batch.device))
        on_real, on_made = self.judge(real), self.judge(made)
        generated = F.cross_entropy(on_made, torch.full_like(classes[:count], self.classes), reduction="sum")
        return {
            "real": F.cross_entropy(on_real, classes, reduction="sum") / (len(real) + count),
            "generated": generated / (len(real) + count),
            "accuracy": (on_real.argmax(1) == classes).float().mean(),
        }

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        real, _ = self.read(batch)
        asked = self.balanced(len(real), batch.device)
        made = self.generate_classes(asked)
        return {"adversarial": F.cross_entropy(self.judge(made), asked), **diversity_term(made, real)}

    def judge(self, samples: Tensor) -> Tensor:
        """Logits [N, classes + 1]; the last is "generated"."""
        logits: Tensor = self.head(self.trunk(samples))
        return logits.float()

    def balanced(self, count: int, device: torch.device) -> Tensor:
        """Classes [count], each that was recorded equally likely: a bin of gaze may be empty."""
        scores = torch.rand(count, self.classes, device=device)
        return (scores + (self.count > 1).float()).argmax(1)

    def decode(self, codes: Tensor) -> Tensor:
        made: Tensor = self.generator(codes)
        return made.float() if self.sample.kind == "image" else as_samples(made, self.sample)

    def generate_classes(self, classes: Tensor) -> Tensor:
        return self._decode_normal(self.draw_latent(len(classes)), classes)

    def _decode_normal(self, latent: Tensor, classes: Tensor) -> Tensor:
        codes = self.mean[classes] + torch.einsum("nij,nj->ni", self.factor[classes], latent)
        return self.decode(codes)

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent], which a class's covariance and mean turn into codes."""
        return torch.randn(count, self.config.latent, device=self.mean.device)

    def generate_labelled_from(self, latent: Tensor, labels: Tensor) -> Tensor:
        return self._decode_normal(latent, self.class_of(labels))

    def generate_labelled(self, labels: Tensor) -> Tensor:
        return self.generate_labelled_from(self.draw_latent(len(labels)), labels)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return mode_collapse(
            means, "generator/diversity", "generated samples", "real ones", "lower --lr or --adversarial"
        )


def encoder(sample: Column, config: BAGANConfig) -> nn.Module:
    """Samples [N, ...] to codes [N, latent]."""
    if sample.kind == "image":
        return convolutional_discriminator(sample, width=config.width, levels=config.levels, outputs=config.latent)
    return nn.Sequential(nn.Flatten(), perceptron(prod(sample.shape), config.units, 2, config.latent))


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [BAGAN]
