"""Data Augmentation Generative Adversarial Networks (Antoniou et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.diagnosis import mode_collapse, unchanged_images
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.optimizers import adam
from ganzoo.nn.penalties import gradient_penalty
from ganzoo.settings import Settings
from ganzoo.task import ClassTask

ganzoo_contract = 2


class DAGANConfig(Settings):
    """Settings of DAGAN. The defaults fit small images on a laptop."""

    same: Literal["class", "person"] = Field("class", description="What the two samples of a pair have in common.")
    domain: Literal["source", "target"] = Field(
        "source", description="The domain that is learned; with the target's labels or people it is an oracle."
    )
    latent: int = Field(100, ge=1, description="Dimension of the latent vector, standard normal.")
    width: int = Field(8, ge=1, description="Feature maps at half the image's size, doubled at each level.")
    levels: int = Field(2, ge=1, le=5, description="Times that images are halved and doubled in size.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout of the generator's decoder; the authors have .5.")
    critic_steps: int = Field(5, ge=1, description="Updates of the critic for one of the generator.")
    penalty: float = Field(10.0, ge=0, description="Weight of the gradient penalty (lambda).")
    lr: float = Field(2e-4, gt=0, description="Learning rate of both networks.")


class DAGAN(Method):
    """The critic compares pairs: (x, another real sample of its class) and (x, G(x, z)) (section 3.2). WGAN-GP.

    The gradient penalty is one of the whole pair: the norm is taken over both images and all their numbers. The
    authors' program takes it over one axis of the second image only. Pairs are formed within a batch: the partner of a
    row is a random other row of its class, and a row without one does not count in the mean of pairs. The networks are
    small (theirs: a U-Net of residual blocks and a DenseNet), and the noise enters at the lowest level only.
    """

    name = "dagan"
    summary = "Generates other images of the class or person of a given image, against a critic of pairs."
    paper = "https://arxiv.org/abs/1711.04340"
    Config = DAGANConfig
    reads = ("source", "source_label")
    couples_batch = True  # BatchNorm, and pairs within the batch
    checked_at_most: ClassVar = {"width": 8, "critic_steps": 2, "levels": 1}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 4_000, "batch_size": 32}},
        "people": {"method": {"same": "person"}, "train": {"steps": 4_000, "batch_size": 64}},
        "paper": {
            "method": {"width": 64, "levels": 4, "dropout": 0.5, "lr": 1e-4},
            "train": {"steps": 100_000, "batch_size": 32},
        },
    }

    def __init__(self, config: DAGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        self.generator = AugmentingGenerator(
            sample, latent=config.latent, width=config.width, levels=config.levels, dropout=config.dropout
        )
        self.critic = pair_critic(sample, width=config.width, levels=config.levels)

    @classmethod
    def columns(cls, config: DAGANConfig) -> tuple[str, ...]:
        return (config.domain, f"{config.domain}_{'label' if config.same == 'class' else 'group'}")

    @classmethod
    def is_oracle(cls, config: DAGANConfig) -> bool:
        return config.domain == "target"

    @classmethod
    def declines(cls, config: DAGANConfig, spec: DataSpec) -> str:
        if config.same == "class" and not isinstance(spec.task, ClassTask):
            return (
                f"needs classes, but the task of these data is {spec.task.name}; use --same person if people are known"
            )
        return ""

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, 0.0, 0.9)
        return {
            "critic": Phase([self.critic], self.critic_loss, optimizer),
            "generator": Phase([self.generator], self.generator_loss, optimizer),
        }

    def schedule(self, step: int) -> Schedule:
        return ("critic",) * self.config.critic_steps + ("generator",)

    def read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images, and the class or person of each [N]."""
        images, of = self.columns(self.config)
        return batch[images], batch[of][:, 0]

    def critic_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Pairs of generated samples minus real pairs, and the penalty between them."""
        images, of = self.read(batch)
        with torch.no_grad():
            made = self.augment(images)
        partner, paired = partners(of)
        real, generated = torch.cat([images, images[partner]], 1), torch.cat([images, made], 1)
        gap = self.critic(real).float()[:, 0] - self.critic(generated).float()[:, 0]
        wasserstein = -(gap * paired).sum() / paired.sum().clamp_min(1)
        # A row without a partner has a pair of two classes here: the slope may well be 1 there, too.
        penalty = gradient_penalty(self.critic, real, generated)
        return {"wasserstein": wasserstein, "penalty": self.config.penalty * penalty, "gap": -wasserstein.detach()}

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        images, _ = self.read(batch)
        made = self.augment(images)
        return {
            "adversarial": -self.critic(torch.cat([images, made], 1)).float().mean(),
            "change": 127.5 * (made.detach() - images).abs().mean(),
            **diversity_term(made, images),
        }

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, latent]."""
        return torch.randn(count, self.config.latent, device=next(self.generator.parameters()).device)

    def augment_from(self, latent: Tensor, images: Tensor) -> Tensor:
        made: Tensor = self.generator(latent, images)
        return made.float()

    def augment(self, images: Tensor) -> Tensor:
        return self.augment_from(self.draw_latent(len(images)), images)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return [
            *mode_collapse(means, "generator/diversity", "augmented images", "their originals", "lower --lr"),
            *unchanged_images(means, "generator/change", "raise --critic-steps"),
        ]


def partners(of: Tensor) -> tuple[Tensor, Tensor]:
    """For each row a random other row of the same class [N], and 1 for rows that have one, else 0 [N]."""
    alike = (of[:, None] == of[None]) & ~torch.eye(len(of), dtype=torch.bool, device=of.device)
    chosen = torch.where(alike, torch.rand(alike.shape, device=of.device), -1.0).argmax(1)
    return chosen, alike.any(1).float()


def pair_critic(sample: Column, *, width: int, levels: int) -> nn.Sequential:
    """Pairs of images [N, 2 C, H, W] to one number each [N, 1], without BatchNorm, as in WGAN-GP."""
    channels, *size = sample.shape
    layers: list[nn.Module] = []
    for inputs, maps in pairwise([2 * channels, *(width * 2**level for level in range(levels))]):
        layers += [nn.Conv2d(inputs, maps, 5, stride=2, padding=2), nn.LeakyReLU(0.2)]
    rows, columns = (-(-side // 2**levels) for side in size)
    flat = width * 2 ** (levels - 1) * rows * columns
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))


class AugmentingGenerator(nn.Module):
    """Latents [N, latent] and images [N, C, H, W] to images of the same form: a U-Net whose lowest level takes noise.

    The image itself is not handed to the last layer, only its features: copying must be learned.
    """

    def __init__(self, sample: Column, *, latent: int, width: int, levels: int, dropout: float) -> None:
        super().__init__()
        channels, *size = sample.shape
        rows, columns = (-(-side // 2**levels) for side in size)
        maps = [width * 2**level for level in range(levels)]
        sides = list(pairwise([channels, *maps]))
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, each, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(each), nn.LeakyReLU(0.2)
            )
            for inputs, each in sides
        )
        self.noise = nn.Sequential(
            nn.Linear(latent, maps[-1] * rows * columns), nn.Unflatten(1, (maps[-1], rows, columns)), nn.ReLU()
        )
        ups = [(2 * maps[level], maps[level - 1] if level else maps[0]) for level in reversed(range(levels))]
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(inputs, each, 5, stride=2, padding=2, output_padding=1, bias=False),
                nn.BatchNorm2d(each), nn.ReLU(), nn.Dropout(dropout),
            )
            for inputs, each in ups
        )  # fmt: skip
        self.last = nn.Sequential(nn.Conv2d(maps[0], channels, 5, padding=2), nn.Tanh())

    def forward(self, latent: Tensor, images: Tensor) -> Tensor:
        features = [images]
        for down in self.down:
            features.append(down(features[-1]))
        now = torch.cat([features[-1], self.noise(latent)], 1)
        for up, skip in zip(self.up, features[-2::-1], strict=True):
            now = up(now)[..., : skip.shape[-2], : skip.shape[-1]]
            if skip is not images:
                now = torch.cat([now, skip], 1)
        made: Tensor = self.last(now)
        return made


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [DAGAN]
