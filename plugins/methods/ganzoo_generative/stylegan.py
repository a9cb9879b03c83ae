"""A style-based generator (Karras et al. 2019 and 2020) for small images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column, DataSpec
from ganzoo.method import Method, Phase, Presets, Schedule
from ganzoo.nn.adversarial import discriminator_terms, non_saturating
from ganzoo.nn.diagnosis import mode_collapse, saturated_discriminator
from ganzoo.nn.diversity import diversity_term
from ganzoo.nn.ema import ExponentialMovingAverage
from ganzoo.nn.optimizers import adam
from ganzoo.nn.penalties import r1_penalty
from ganzoo.settings import Settings
from ganzoo_generative.style_layers import EqualizedConv2d, EqualizedLinear, ModulatedConv2d, StyledLayer, leaky

ganzoo_contract = 2
REFERENCES = 1_000  # latents whose mean style is the centre of truncation


class StyleGANConfig(Settings):
    """Settings of StyleGAN. The defaults fit small eyes and a laptop; `paper` holds the published sizes."""

    domain: Literal["target", "source"] = Field("target", description="The domain whose images are learned.")
    latent: int = Field(64, ge=1, description="Dimension of the latent vector and of a style.")
    mapping_layers: int = Field(3, ge=1, le=16, description="Layers from the latent vector to the style.")
    width: int = Field(16, ge=1, description="Feature maps of all convolutions.")
    levels: int = Field(2, ge=1, le=6, description="Times that the generator doubles and the discriminator halves.")
    penalty: float = Field(0.5, ge=0, description="Weight gamma of R1: gamma / 2 times the squared gradient.")
    penalty_every: int = Field(16, ge=1, description="Steps from one update with R1 to the next (lazy regularisation).")
    truncation: float = Field(
        1.0, ge=0, le=1, description="Share of a style's distance from the mean style that samples keep; 1: all of it."
    )
    decay: float = Field(0.998, gt=0, lt=1, description="Decay of the moving average of the generator's weights.")
    lr: float = Field(2e-3, gt=0, description="Learning rate of both networks.")


class StyleGAN(Method):
    """As published in 2020: a mapping network with a hundredth of the learning rate, modulated and demodulated
    convolutions from a learned constant, noise with a strength of zero at first, images as the sum of all sizes, the
    non-saturating loss, lazy R1 with corrected rates, and samples of the averaged generator.

    Departures: no path length regularisation, no style mixing and no deviation over the batch in the discriminator,
    which is a plain convolutional network; bilinear doubling; one width for all sizes.
    """

    name = "stylegan"
    summary = "Generates images from a learned constant that styles modulate at each size, from coarse to fine."
    paper = "https://arxiv.org/abs/1912.04958"
    Config = StyleGANConfig
    checked_at_most: ClassVar = {"width": 8, "latent": 16, "levels": 2, "mapping_layers": 3}
    presets: ClassVar[Presets] = {
        "default": {"train": {"steps": 3_000, "batch_size": 32}},
        # Karras et al. 2020, appendix B, for 256 x 256 pixels; the steps are 25 million images.
        "paper": {
            "method": {"latent": 512, "mapping_layers": 8, "width": 512, "levels": 6, "penalty": 10.0},
            "train": {"steps": 781_000, "batch_size": 32},
        },
    }

    references: Tensor

    def __init__(self, config: StyleGANConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        sample = spec.column(config.domain)
        self.generator = StyleGenerator(sample, config)
        self.discriminator = _discriminator(sample, config)
        self.average = ExponentialMovingAverage(self.generator, config.decay)
        self.register_buffer("references", torch.randn(REFERENCES, config.latent))

    @classmethod
    def columns(cls, config: StyleGANConfig) -> tuple[str, ...]:
        return (config.domain,)

    def frozen(self) -> Sequence[nn.Module]:
        return (self.average,)

    def phases(self) -> Mapping[str, Phase]:
        lr, every = self.config.lr, self.config.penalty_every
        share = every / (every + 1)  # appendix B: the rates of lazy regularisation
        return {
            "discriminator": Phase([self.discriminator], self.discriminator_loss, adam(lr * share, 0.0, 0.99**share)),
            "penalty": Phase([self.discriminator], self.penalty_loss, "discriminator"),
            "generator": Phase([self.generator], self.generator_loss, adam(lr, 0.0, 0.99), after=self.follow,
                               follows=[self.average]),
        }  # fmt: skip

    def schedule(self, step: int) -> Schedule:
        penalised = step % self.config.penalty_every == 0
        return ("discriminator", "penalty", "generator") if penalised else ("discriminator", "generator")

    def follow(self) -> None:
        self.average.update(self.generator)

    def discriminator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        with torch.no_grad():
            made = self.generator(self.draw_latent(len(batch)))
        return discriminator_terms(self.discriminator(batch[self.config.domain]), self.discriminator(made))

    def penalty_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        """R1 (Mescheder et al. 2018, equation 9), multiplied by the steps without it."""
        weight = self.config.penalty / 2 * self.config.penalty_every
        return {"r1": weight * r1_penalty(self.discriminator, batch[self.config.domain])}

    def generator_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = self.generator(self.draw_latent(len(batch)))
        loss = non_saturating(self.discriminator(made), real=True)
        return {"adversarial": loss, **diversity_term(made, batch[self.config.domain])}

    def draw_latent(self, count: int) -> Tensor:
        """Standard normal numbers [count, n]: the latent vector, then a plane of noise for each convolution."""
        return torch.randn(count, self.config.latent + self.generator.noises, device=self.references.device)

    def generate_from(self, latent: Tensor) -> Tensor:
        """With the average of the weights, and styles pulled towards their mean (2019, appendix B)."""
        network = self.average.network
        assert isinstance(network, StyleGenerator)
        mean = network.mapping(self.references).mean(0)
        styles = torch.lerp(mean, network.mapping(latent[:, : self.config.latent]), self.config.truncation)
        images: Tensor = network.synthesis(styles, latent[:, self.config.latent :])
        return images.float().clamp(-1, 1)

    def generate(self, count: int) -> Tensor:
        return self.generate_from(self.draw_latent(count))

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        fix = "raise --penalty or lower --lr"
        return [
            *mode_collapse(means, "generator/diversity", "generated images", "real ones", fix),
            *saturated_discriminator(means, "discriminator/accuracy", fix),
        ]


class StyleGenerator(nn.Module):
    """Latents and noise [N, latent + noises] to images [N, C, H, W] around [-1, 1], without a limit."""

    def __init__(self, sample: Column, config: StyleGANConfig) -> None:
        super().__init__()
        channels, *self.size = sample.shape
        self.latent, width = config.latent, config.width
        start = [-(-side // 2**config.levels) for side in self.size]
        self.sizes = [[side << level for side in start] for level in range(config.levels + 1)]
        self.mapping = MappingNetwork(config.latent, config.mapping_layers)
        self.constant = nn.Parameter(torch.randn(1, width, *start))
        layers = [StyledLayer(width, width, config.latent) for _ in range(2 * config.levels + 1)]
        self.layers = nn.ModuleList(layers)
        pixels = [ModulatedConv2d(width, channels, 1, config.latent, demodulated=False) for _ in self.sizes]
        self.pixels = nn.ModuleList(pixels)
        self.planes = [self.sizes[(index + 1) // 2] for index in range(len(layers))]  # of noise, one for each layer
        self.noises = sum(rows * columns for rows, columns in self.planes)

    def synthesis(self, styles: Tensor, noise: Tensor) -> Tensor:
        planes = noise.split([rows * columns for rows, columns in self.planes], 1)
        shaped = [plane.view(-1, 1, *size) for plane, size in zip(planes, self.planes, strict=True)]
        maps = self.layers[0](self.constant.expand(len(styles), -1, -1, -1), styles, shaped[0])
        image: Tensor = self.pixels[0](maps, styles)
        for level in range(1, len(self.sizes)):
            for index in (2 * level - 1, 2 * level):
                maps = self.layers[index](doubled(maps) if index % 2 else maps, styles, shaped[index])
            image = doubled(image) + self.pixels[level](maps, styles)
        return image[..., : self.size[0], : self.size[1]]

    def forward(self, latent: Tensor) -> Tensor:
        return self.synthesis(self.mapping(latent[:, : self.latent]), latent[:, self.latent :])


class MappingNetwork(nn.Module):
    """Latent vectors [N, D], scaled to unit mean square, to styles [N, D]; learns at a hundredth of the rate."""

    def __init__(self, latent: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([EqualizedLinear(latent, latent, rate=0.01) for _ in range(layers)])

    def forward(self, latent: Tensor) -> Tensor:
        values = latent * (latent.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.layers:
            values = leaky(layer(values))
        return values


def doubled(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)


def _discriminator(sample: Column, config: StyleGANConfig) -> nn.Sequential:
    """Images [N, C, H, W] to logits [N, 1]; a size that cannot be halved is padded at the bottom and right."""
    channels, *size = sample.shape
    rows, columns = (-(-side // 2**config.levels) for side in size)
    fold, width = 2**config.levels, config.width
    layers: list[nn.Module] = [
        nn.ZeroPad2d((0, columns * fold - size[1], 0, rows * fold - size[0])),
        EqualizedConv2d(channels, width, 1), Leaky(),
    ]  # fmt: skip
    for _ in range(config.levels):
        layers += [EqualizedConv2d(width, width, 3), Leaky(), EqualizedConv2d(width, width, 3, 2), Leaky()]
    layers += [EqualizedConv2d(width, width, 3), Leaky(), nn.Flatten()]
    return nn.Sequential(*layers, EqualizedLinear(width * rows * columns, width), Leaky(), EqualizedLinear(width, 1))


class Leaky(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return leaky(values)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [StyleGAN]
