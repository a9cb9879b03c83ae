"""Learning from Simulated and Unsupervised Images through Adversarial Training (Shrivastava et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Presets, Stage
from ganzoo.nn.adversarial import cross_entropy
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator, unchanged_images
from ganzoo.nn.diversity import diversity
from ganzoo.nn.ema import ExponentialMovingAverage
from ganzoo.nn.history import History
from ganzoo.nn.optimizers import DECAYS, adam
from ganzoo.nn.predictor import PredictorConfig, declines
from ganzoo.nn.resnet import ResidualBlock
from ganzoo.settings import Settings
from ganzoo_translation.committee import Committee
from ganzoo_translation.judges import Judges

ganzoo_contract = 2


class SimGANConfig(Settings):
    """Settings of SimGAN. The defaults fit a laptop; the presets hold the paper's."""

    width: int = Field(16, ge=1, description="Feature maps of the refiner; the paper's is 64.")
    blocks: int = Field(4, ge=0, description="Residual blocks of the refiner.")
    discriminator: Literal["local", "global"] = Field(
        "local", description="Judge each patch of an image, or the whole image by one fully connected layer."
    )
    self_regularization: float = Field(
        5.0,
        ge=0,
        description="Weight (lambda) of the L1 distance between refined and synthetic image. It is for images in "
        "[-1, 1], the L1 distance as a mean over pixels and the adversarial loss as a mean over patches; with "
        "--reduction sum both are sums.",
    )
    self_regularization_features: Literal["pixel", "derivatives", "channel-mean"] = Field(
        "pixel", description="What the L1 distance compares: pixels, image derivatives, or the mean of the channels."
    )
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="Losses of an image as a mean over its patches and pixels, or as their sum as in the paper."
    )
    history: int = Field(512, ge=0, description="Past refined images that the discriminator is shown again; 0: none.")
    refiner_pretraining: int = Field(
        100, ge=0, description="First steps, of the refiner with self-regularization only."
    )
    discriminator_pretraining: int = Field(0, ge=0, description="Next steps, of the discriminator only.")
    refiner_updates: int = Field(1, ge=1, description="Refiner updates in a step (K_g).")
    discriminator_updates: int = Field(1, ge=1, description="Discriminator updates in a step (K_d).")
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Refine with a moving average of the refiner's weights, of this decay (.999: over the last 1,000 "
        "updates); 0: with the last weights.",
    )
    committee: int | None = Field(
        None,
        ge=2,
        description="Refiners with one discriminator, of which each image has one; not set: a single refiner.",
    )
    judges: int | None = Field(
        None,
        ge=1,
        description="Networks that read labels from refined images. They learn in a first stage, on the source's "
        "labels with features aligned to the target; then readings that change count in the refiner's loss; not "
        "set: none.",
    )
    judge_weight: float | None = Field(
        None, ge=0, description="Weight of changed readings; not set: 1. Only with --judges."
    )
    optimizer: Literal["adam", "sgd"] = Field("adam", description="Optimizer of both networks.")
    lr: float = Field(5e-4, gt=0, description="Learning rate of both networks.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's decay of the mean gradient.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay of the mean squared gradient.")
    decay: Literal["linear", "constant"] = Field(
        "linear", description="Learning rate over the run: to zero in its second half, or constant."
    )


LAPTOP: dict[str, Any] = {"steps": 5_000, "batch_size": 16}  # 4 minutes on two cores in float32
# Section 3.1, implementation details. The paper sums over pixels and patches. It gives neither lambda (0.01 is the
# authors' answer to a question), nor the size of the history, nor the number of steps.
PAPER: dict[str, Any] = {
    "width": 64,
    "reduction": "sum",
    "self_regularization": 0.01,
    "history": 12_800,
    "refiner_pretraining": 1_000,
    "discriminator_pretraining": 200,
    "optimizer": "sgd",
    "lr": 1e-3,
    "decay": "constant",
}


class SimGAN(Method):
    name = "simgan"
    reads = ("source", "target")
    summary = "Refines synthetic images until a local discriminator takes them for real ones, and keeps their labels."
    paper = "https://arxiv.org/abs/1612.07828"
    Config = SimGANConfig
    couples_batch = True  # half of what the discriminator sees comes from the history
    checked_at_most: ClassVar = {"width": 8, "history": 32, "refiner_updates": 2, "judges": 1, "committee": 2}
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "averaged": {"method": {"average": 0.999}, "train": LAPTOP},
        "derivatives": {"method": {"self_regularization_features": "derivatives"}, "train": LAPTOP},
        "committee": {"method": {"committee": 5}, "train": LAPTOP},
        "judged": {"method": {"judges": 3}, "train": {**LAPTOP, "steps": 6_250}},
        "no-history": {"method": {"history": 0}, "train": LAPTOP},
        "global-discriminator": {"method": {"discriminator": "global"}, "train": LAPTOP},
        "no-self-regularization": {"method": {"self_regularization": 0.0, "refiner_pretraining": 0}, "train": LAPTOP},
        "paper-v1": {"method": {**PAPER, "refiner_updates": 2}, "train": {"steps": 11_200, "batch_size": 512}},
        "paper-v2": {"method": {**PAPER, "refiner_updates": 50}, "train": {"steps": 2_200, "batch_size": 512}},
    }

    def __init__(self, config: SimGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        build = partial(build_refiner, spec.channels, config.width, config.blocks)
        self.refiner = Committee(config.committee, build) if config.committee else build()
        self.discriminator = build_discriminator(spec, local=config.discriminator == "local")
        self.history = History(config.history, *spec.image_shape) if config.history else None
        self.average = ExponentialMovingAverage(self.refiner, config.average) if config.average else None
        self.judges = Judges(config.judges, spec) if config.judges else None

    @classmethod
    def columns(cls, config: SimGANConfig) -> tuple[str, ...]:
        return (*cls.reads, "source_label") if config.judges else cls.reads

    @classmethod
    def declines(cls, config: SimGANConfig, spec: DataSpec) -> str:
        return declines(PredictorConfig(), spec) if config.judges else ""

    def phases(self) -> Mapping[str, Phase]:
        config = self.config
        optimizer = (
            partial(SGD, lr=config.lr) if config.optimizer == "sgd" else adam(config.lr, config.beta1, config.beta2)
        )
        decay = DECAYS[config.decay]
        judges = {"judges": Phase([self.judges], self.judges.loss, adam(1e-3), decay)} if self.judges else {}
        return {
            **judges,
            "pretraining": Phase([self.refiner], self.pretraining_loss, optimizer, decay),
            "refiner": Phase(
                [self.refiner], self.refiner_loss, "pretraining", decay, self._follow, follows=self.frozen()
            ),
            "discriminator": Phase([self.discriminator], self.discriminator_loss, optimizer, decay),
        }

    def stages(self) -> Sequence[Stage]:
        """The judges learn in the first fifth of the steps."""
        if self.judges is None:
            return super().stages()
        return (
            Stage("judges", 0.2, lambda step: ("judges",)),
            Stage("refining", 0.8, self.schedule, resting=[self.judges]),
        )

    def schedule(self, step: int) -> Sequence[str]:
        """Algorithm 1, after the pre-training of section 3.1."""
        config = self.config
        if step < config.refiner_pretraining:
            return ("pretraining",)
        if step < config.refiner_pretraining + config.discriminator_pretraining:
            return ("discriminator",)
        return ("refiner",) * config.refiner_updates + ("discriminator",) * config.discriminator_updates

    def pretraining_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"self_regularization": self._self_regularization(self.refiner(batch.source), batch.source)}

    def refiner_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 4: be taken for real, and stay close to the synthetic image."""
        refined = self.refiner(batch.source)
        return {
            "adversarial": self._adversarial(self.discriminator(refined), real=True),
            "self_regularization": self._self_regularization(refined, batch.source),
            **self._judged(refined, batch.source),
            **likeness(refined.detach().float(), batch.source),
        }

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 2, half of the refined images from the history (section 2.3)."""
        count = len(batch)
        with torch.no_grad():
            if self.history is None:
                refined = self.refiner(batch.source)
            else:
                refined = self.history.mix(self.refiner(batch.source[: (count + 1) // 2]), count)
        scores = self.discriminator(torch.cat([batch.target, refined]))
        real, made = scores[:count], scores[count:]
        return {
            "real": self._adversarial(real, real=True),
            "refined": self._adversarial(made, real=False),
            "accuracy": (says_real(real).mean() + 1 - says_real(made).mean()) / 2,
        }

    def frozen(self) -> Sequence[nn.Module]:
        return () if self.average is None else (self.average,)

    def refine(self, source: Tensor) -> Tensor:
        return (self.average or self.refiner)(source)

    def _follow(self) -> None:
        if self.average is not None:
            self.average.update(self.refiner)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        """The two failures that ports of SimGAN report most, and their usual cause."""
        fix = "raise --self-regularization or --history"
        slower = "lower --lr, or raise --refiner-updates"
        return [
            *unchanged_images(means, "refiner/change", "lower --self-regularization"),
            *mode_collapse(means, "refiner/diversity", "refined images", "their inputs", fix),
            *saturated_discriminator(means, "discriminator/accuracy", slower, samples="patches", learner="refiner"),
        ]

    def _adversarial(self, scores: Tensor, *, real: bool) -> Tensor:
        patches = scores.shape[2] * scores.shape[3] if self.config.reduction == "sum" else 1
        return cross_entropy(scores, real=real) * patches

    def _judged(self, refined: Tensor, source: Tensor) -> dict[str, Tensor]:
        """How much the judges' readings change, if there are judges."""
        if self.judges is None:
            return {}
        weight = 1.0 if self.config.judge_weight is None else self.config.judge_weight
        return {"judged": weight * self.judges.drift(refined, source)}

    def _self_regularization(self, refined: Tensor, source: Tensor) -> Tensor:
        """Equation 4's second term: lambda times the L1 distance of features."""
        kind = self.config.self_regularization_features
        wanted, found = features(source, kind), features(refined.float(), kind)
        numbers = wanted.shape[1] if self.config.reduction == "sum" else 1
        return self.config.self_regularization * F.l1_loss(found, wanted) * numbers


def build_refiner(channels: int, width: int, blocks: int) -> nn.Sequential:
    """Section 3.1: 3x3 convolution, residual blocks, 1x1 convolution; images [N, C, H, W] in [-1, 1] in and out."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        *(ResidualBlock(width) for _ in range(blocks)),
        nn.Conv2d(width, channels, 1),
        nn.Tanh(),
    )


def build_discriminator(spec: DataSpec, *, local: bool) -> nn.Sequential:
    """Scores [N, 2, H/4, W/4] of patches (section 2.2), or [N, 2, 1, 1] of whole images, the alternative.

    The paper does not specify the activation; a leaky one keeps a gradient for the refiner everywhere.
    """
    body = nn.Sequential(
        nn.Conv2d(spec.channels, 96, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(96, 64, 3, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(64, 32, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(32, 32, 1),
        nn.LeakyReLU(0.2),
    )
    if local:
        return body.append(nn.Conv2d(32, 2, 1))
    patches = -(-spec.height // 4) * -(-spec.width // 4)
    return body.extend([nn.Flatten(), nn.Linear(32 * patches, 2), nn.Unflatten(1, (2, 1, 1))])


def features(images: Tensor, kind: str) -> Tensor:
    """What self-regularization compares (section 2.1): [N, C, H, W] as [N, numbers]."""
    if kind == "derivatives":
        across, down = images[..., 1:] - images[..., :-1], images[..., 1:, :] - images[..., :-1, :]
        return torch.cat([across.flatten(1), down.flatten(1)], 1)
    if kind == "channel-mean":
        images = images.mean(1)
    return images.flatten(1)


def likeness(refined: Tensor, source: Tensor) -> dict[str, Tensor]:
    """Numbers for the log: mean `change` of a pixel in grey levels of 255, and `diversity`.

    Variety is how much the refined images of a batch differ from each other, relative to their inputs; a
    single image has none.
    """
    change = (refined - source).abs().mean() * 127.5
    if len(source) == 1:
        return {"change": change}
    return {"change": change, "diversity": diversity(refined, source)}


def says_real(scores: Tensor) -> Tensor:
    """For each patch, 1.0 if the discriminator takes it for real, else 0.0."""
    return (scores.detach()[:, 1] > scores.detach()[:, 0]).float()


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [SimGAN]
