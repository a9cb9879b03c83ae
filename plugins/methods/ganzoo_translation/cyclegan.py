"""Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks (Zhu et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec
from ganzoo.errors import ConfigError
from ganzoo.method import Method, Phase, Presets, linear_decay
from ganzoo.nn.adversarial import least_squares
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator, unchanged_images
from ganzoo.nn.diversity import diversity
from ganzoo.nn.history import History
from ganzoo.nn.init import normal_init
from ganzoo.nn.optimizers import adam
from ganzoo.nn.resnet import ResidualBlock
from ganzoo.settings import Settings

ganzoo_contract = 2

MADE = ("made_target", "made_source")  # by the generators in this step, until it is judged
SMALLEST = 5  # pixels: reflection needs two in the maps at a quarter of the size


class CycleGANConfig(Settings):
    """Settings of CycleGAN. The defaults fit eyes on a laptop; the presets hold the paper's."""

    width: int = Field(16, ge=1, description="Feature maps of the generators' first layer; the paper's is 64.")
    blocks: int = Field(4, ge=0, description="Residual blocks of a generator.")
    discriminator_width: int = Field(
        32, ge=1, description="Feature maps of the discriminators' first layer; the paper's is 64."
    )
    discriminator_layers: int = Field(
        1,
        ge=1,
        description="Halvings in a discriminator: with 1, 2, 3 it judges patches of 16, 34, 70 pixels. The paper's 70 "
        "of 256 pixels are the same fraction as 16 of an eye's 55.",
    )
    cycle: float = Field(10.0, ge=0, description="Weight (lambda) of the cycle-consistency loss.")
    identity: float = Field(
        5.0, ge=0, description="Weight of the identity loss: how much a generator changes images of its own target."
    )
    history: int = Field(
        50, ge=0, description="Past images of each generator that are shown to its discriminator again; 0: none."
    )
    lr: float = Field(2e-4, gt=0, description="Learning rate of all networks, to zero over the run's second half.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's decay of the mean gradient.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's decay of the mean squared gradient.")


# Section 7 (appendix); 200 epochs of about 1,000 images, one at a time. Six blocks are for 128 pixels, nine for 256.
PAPER: dict[str, Any] = {"width": 64, "discriminator_width": 64, "discriminator_layers": 3}
PAPER_TRAINING: dict[str, Any] = {"steps": 200_000, "batch_size": 1}


class CycleGAN(Method):
    name = "cyclegan"
    reads = ("source", "target")
    summary = "Translates synthetic images into real-looking ones that can be translated back."
    paper = "https://arxiv.org/abs/1703.10593"
    Config = CycleGANConfig
    checked_at_most: ClassVar = {"width": 8, "discriminator_width": 8, "blocks": 2}
    couples_batch = True  # half of what the discriminators see comes from the histories
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 4}},
        "paper": {"method": {**PAPER, "blocks": 9}, "train": PAPER_TRAINING},
        "paper-128": {"method": {**PAPER, "blocks": 6}, "train": PAPER_TRAINING},
    }

    def __init__(self, config: CycleGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.to_target = build_generator(spec, config.width, config.blocks)
        self.to_source = build_generator(spec, config.width, config.blocks)
        self.target_discriminator = build_discriminator(spec, config.discriminator_width, config.discriminator_layers)
        self.source_discriminator = build_discriminator(spec, config.discriminator_width, config.discriminator_layers)
        self.target_history = History(config.history, *spec.image_shape) if config.history else None
        self.source_history = History(config.history, *spec.image_shape) if config.history else None
        normal_init(self)

    def phases(self) -> Mapping[str, Phase]:
        optimizer = adam(self.config.lr, self.config.beta1, self.config.beta2)
        generators = [self.to_target, self.to_source]
        discriminators = [self.target_discriminator, self.source_discriminator]
        return {
            "generators": Phase(generators, self.generators_loss, optimizer, linear_decay, hands_on=MADE),
            "discriminators": Phase(discriminators, self.discriminators_loss, optimizer, linear_decay, takes=MADE),
        }

    def generators_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Equation 3 in the form of section 4 (least squares), with the identity term of section 5.2."""
        config, source, target = self.config, batch.source, batch.target
        made_target, same_target = self._translate(self.to_target, source, target)
        made_source, same_source = self._translate(self.to_source, target, source)
        batch.hand_on(made_target=made_target, made_source=made_source)
        terms = {
            "adversarial_target": least_squares(self.target_discriminator(made_target), real=True),
            "adversarial_source": least_squares(self.source_discriminator(made_source), real=True),
            "cycle_source": config.cycle * F.l1_loss(self.to_source(made_target).float(), source),
            "cycle_target": config.cycle * F.l1_loss(self.to_target(made_source).float(), target),
        }
        if same_target is not None and same_source is not None:
            terms["identity_target"] = config.identity * F.l1_loss(same_target, target)
            terms["identity_source"] = config.identity * F.l1_loss(same_source, source)
        terms["change"] = (made_target.detach() - source).abs().mean() * 127.5
        if len(batch) > 1:
            terms["diversity"] = diversity(made_target.detach(), source)
        return terms

    def discriminators_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """Both discriminators' terms, each halved (section 7.1), and how often they are right."""
        target, source = self._made(batch)
        real_target, made_target, accuracy_target = _judge(
            self.target_discriminator, batch.target, target, self.target_history
        )
        real_source, made_source, accuracy_source = _judge(
            self.source_discriminator, batch.source, source, self.source_history
        )
        return {
            "real_target": real_target,
            "made_target": made_target,
            "real_source": real_source,
            "made_source": made_source,
            "accuracy": (accuracy_target + accuracy_source) / 2,
        }

    def refine(self, source: Tensor) -> Tensor:
        return self.to_target(source)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "raise --cycle or --identity, or lower --lr"
        width = "lower --lr or --discriminator-width"
        return [
            *unchanged_images(means, "generators/change", "lower --identity or --cycle"),
            *mode_collapse(means, "generators/diversity", "refined images", "their inputs", fix),
            *saturated_discriminator(means, "discriminators/accuracy", width, samples="patches"),
        ]

    def _translate(self, generator: nn.Module, images: Tensor, own: Tensor) -> tuple[Tensor, Tensor | None]:
        """A generator's output for `images`, and for images of the domain to which it translates.

        One pass computes both: InstanceNorm treats the images of a batch independently.
        """
        if not self.config.identity:
            return generator(images).float(), None
        made, same = generator(torch.cat([images, own])).float().chunk(2)
        return made, same

    def _made(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images of the target and of the source generated in this step, as in the authors' code.

        If the generators did not run before in this step, they are generated from `batch`.
        """
        if MADE[0] in batch.carried:
            return batch.carried[MADE[0]], batch.carried[MADE[1]]
        with torch.no_grad():
            return self.to_target(batch.source), self.to_source(batch.target)


def build_generator(spec: DataSpec, width: int, blocks: int) -> nn.Sequential:
    """Section 7.2: c7s1-k, d2k, d4k, residual blocks, u2k, uk, c7s1; images [N, C, H, W] in [-1, 1] in and out.

    Padding of the upsampling layers restores the sizes before downsampling, odd ones too.
    """
    if min(spec.height, spec.width) < SMALLEST:
        raise ConfigError(
            f"cyclegan takes images of {SMALLEST} x {SMALLEST} pixels and more, and these are "
            f"{spec.height} x {spec.width}"
        )
    full = spec.height, spec.width
    half = -(-spec.height // 2), -(-spec.width // 2)
    return nn.Sequential(
        nn.Conv2d(spec.channels, width, 7, padding=3, padding_mode="reflect", bias=False),
        nn.InstanceNorm2d(width),
        nn.ReLU(),
        *_down(width, 2 * width),
        *_down(2 * width, 4 * width),
        *(ResidualBlock(4 * width, nn.InstanceNorm2d, "reflect") for _ in range(blocks)),
        *_up(4 * width, 2 * width, half),
        *_up(2 * width, width, full),
        nn.Conv2d(width, spec.channels, 7, padding=3, padding_mode="reflect"),
        nn.Tanh(),
    )


def build_discriminator(spec: DataSpec, width: int, layers: int) -> nn.Sequential:
    """Section 7.2: a PatchGAN, Ck-C2k-..., of 4 x 4 convolutions; scores [N, 1, H / 2^layers, W / 2^layers].

    The last two convolutions keep the size (in the authors' code each removes a pixel), so small images are possible.
    """
    rows, columns = spec.height >> layers, spec.width >> layers
    if rows * columns < 2:
        raise ConfigError(
            f"--discriminator-layers {layers}: after so many halvings nothing is left of images of "
            f"{spec.height} x {spec.width} pixels; lower it"
        )
    keep = nn.ZeroPad2d((1, 2, 1, 2))
    maps = [width * 2 ** min(level, 3) for level in range(layers + 1)]
    body: list[nn.Module] = [nn.Conv2d(spec.channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    for narrow, wide in pairwise(maps[:-1]):
        convolution = nn.Conv2d(narrow, wide, 4, stride=2, padding=1, bias=False)
        body += [convolution, nn.InstanceNorm2d(wide), nn.LeakyReLU(0.2)]
    body += [keep, nn.Conv2d(maps[-2], maps[-1], 4, bias=False), nn.InstanceNorm2d(maps[-1]), nn.LeakyReLU(0.2)]
    return nn.Sequential(*body, keep, nn.Conv2d(maps[-1], 1, 4))


def _judge(
    discriminator: nn.Module, real: Tensor, made: Tensor, history: History | None
) -> tuple[Tensor, Tensor, Tensor]:
    """A discriminator's halved losses on real and on generated images, and how often it is right.

    Half of the generated ones are new and half come from the history (section 4); a single image is either, at
    random.
    """
    count = len(real)
    if history is not None:
        made = history.mix(made[: (count + 1) // 2], count)
    scores = discriminator(torch.cat([real, made]))
    on_real, on_made = scores[:count], scores[count:]
    right = torch.cat([on_real > 0.5, on_made < 0.5]).float().mean()
    return least_squares(on_real, real=True) / 2, least_squares(on_made, real=False) / 2, right


def _down(channels: int, maps: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, maps, 3, stride=2, padding=1, bias=False)
    return [convolution, nn.InstanceNorm2d(maps), nn.ReLU()]


def _up(channels: int, maps: int, size: tuple[int, int]) -> list[nn.Module]:
    """Twice the size, to exactly `size` (rows, columns): less one where that is odd."""
    added = 1 - size[0] % 2, 1 - size[1] % 2
    convolution = nn.ConvTranspose2d(channels, maps, 3, stride=2, padding=1, output_padding=added, bias=False)
    return [convolution, nn.InstanceNorm2d(maps), nn.ReLU()]


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [CycleGAN]
