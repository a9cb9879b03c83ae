"""The floor, the ceiling and the trivial rivals that every other method is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from einops import rearrange
from pydantic import Field
from torch import Tensor
from torch.optim.swa_utils import update_bn

from ganzoo import hookimpl
from ganzoo.batch import Batch, DataSpec, OracleBatch
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, constant, linear_decay
from ganzoo.nn.predictor import LAPTOP, PAPER, PAPER_TRAINING, Predictor, PredictorConfig, annealed, declines, optimizer
from ganzoo.settings import Settings
from ganzoo.task import ClassTask

ganzoo_contract = 2

Presets = Mapping[str, Mapping[str, Mapping[str, Any]]]
DECAYS = {"linear": linear_decay, "annealed": annealed, "constant": constant}
UNTRAINED: Presets = {"default": {"train": {"steps": 0}}}  # nothing is learnt step by step
ENOUGH = 10_000  # target images, evenly spaced, from which statistics are taken
CHUNK = 256  # of them go through a network at once


class NoSettings(Settings):
    """There is nothing to set."""


class SupervisedConfig(PredictorConfig):
    """Settings of a predictor that is trained on labelled images of one domain."""

    batch_norm: bool = Field(True, description="BatchNorm after each convolution; the DANN paper has none.")


class Constant(Method):
    name = "constant"
    reads = ("source", "source_label")
    summary = "Predicts the mean source label (or the most frequent class) for every image: the floor."
    paper = ""
    Config = NoSettings
    presets: ClassVar[Presets] = UNTRAINED
    prediction: Tensor  # [task.label_size]

    def __init__(self, config: NoSettings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("prediction", torch.zeros(spec.task.label_size))

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        labels = torch.tensor(source.labels)
        most_frequent = isinstance(self.spec.task, ClassTask)  # a mean of classes is no class
        self.prediction.copy_(labels.mode(0).values if most_frequent else labels.double().mean(0))

    def predict(self, images: Tensor) -> Tensor:
        return self.prediction.expand(images.shape[0], -1)  # no len(): an exported method keeps the shape open


class Identity(Method):
    name = "identity"
    reads = ("source",)
    summary = "Leaves synthetic images as they are."
    paper = ""
    Config = NoSettings
    presets: ClassVar[Presets] = UNTRAINED

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def refine(self, source: Tensor) -> Tensor:
        return source


class HistogramMatching(Method):
    """The rule of `skimage.exposure.match_histograms`, with the pixels of all target images as the reference.

    It is written out here because that one takes single arrays on the host, and would need the target's pixels again.
    """

    name = "histogram-matching"
    reads = ("source", "target")
    summary = "Gives each synthetic image the grey-level histogram of the target, one channel at a time."
    paper = ""
    Config = NoSettings
    presets: ClassVar[Presets] = UNTRAINED
    levels: Tensor  # [C, 256]: the grey levels that occur, ascending, then the last one again
    shares: Tensor  # [C, 256]: the share of the target's pixels up to each of them

    def __init__(self, config: NoSettings, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.register_buffer("levels", torch.linspace(-1, 1, 256).repeat(spec.channels, 1))
        self.register_buffer("shares", torch.linspace(1 / 256, 1, 256).repeat(spec.channels, 1))

    def phases(self) -> Mapping[str, Phase]:
        return {}

    def finish(self, source: Domain, target: Domain) -> None:
        images = target.spread(ENOUGH).images
        for channel in range(images.shape[1]):
            counts = np.bincount(images[:, channel].ravel(), minlength=256)
            levels = np.flatnonzero(counts)
            shares = counts[levels].cumsum() / counts.sum()
            padding = (0, 256 - len(levels))
            self.levels[channel] = torch.from_numpy(np.pad(levels / 127.5 - 1, padding, mode="edge"))
            self.shares[channel] = torch.from_numpy(np.pad(shares, padding, mode="edge"))

    def refine(self, source: Tensor) -> Tensor:
        """Each pixel gets the target's grey level of its own rank in its image, interpolated between levels."""
        pixels = source.flatten(2).contiguous()
        ranks = torch.searchsorted(pixels.sort(-1).values, pixels, right=True) / pixels.shape[-1]
        ranks = rearrange(ranks, "n c p -> c (n p)").contiguous()
        above = torch.searchsorted(self.shares, ranks).clamp(max=255)
        below = (above - 1).clamp(min=0)
        low, high = self.shares.gather(1, below), self.shares.gather(1, above)
        weight = ((ranks - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        matched = torch.lerp(self.levels.gather(1, below), self.levels.gather(1, above), weight)
        return rearrange(matched, "c (n p) -> n c p", n=source.shape[0]).reshape(source.shape)


class SourceOnly(Method):
    name = "source-only"
    reads = ("source", "source_label")
    summary = "Learns to predict labels from the labelled source alone, with DANN's network and budget."
    paper = ""
    Config = SupervisedConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "paper": {"method": {**PAPER, "batch_norm": False}, "train": PAPER_TRAINING},
    }

    def __init__(self, config: SupervisedConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {"predictor": Phase([self.predictor], self.loss, optimizer(self.config), DECAYS[self.config.decay])}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)


class AdaBN(Method):
    """Adaptive batch normalization (Li et al. 2016, algorithm 1).

    Statistics are taken in one pass over the target, batch by batch, each layer on what the layers before it make of
    the same batch.
    """

    name = "adabn"
    summary = "Source-only, with the BatchNorm statistics of the target in place of the source's."
    paper = "https://arxiv.org/abs/1603.04779"
    Config = PredictorConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    presets: ClassVar[Presets] = {
        "default": {"train": LAPTOP},
        "paper": {"method": PAPER, "train": PAPER_TRAINING},
    }

    def __init__(self, config: PredictorConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=True)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {"predictor": Phase([self.predictor], self.loss, optimizer(self.config), DECAYS[self.config.decay])}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"task": self.predictor.loss(batch.source, batch.source_label)}

    def finish(self, source: Domain, target: Domain) -> None:
        images = target.spread(ENOUGH).images
        device = next(self.predictor.parameters()).device
        chunks = np.array_split(images, -(-len(images) // CHUNK))  # of equal size: each counts alike in the mean
        update_bn((torch.tensor(chunk).to(device).float() / 127.5 - 1 for chunk in chunks), self.predictor.features)

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)


class Oracle(Method):
    name = "oracle"
    summary = "Learns from the labels of the target, which nobody else is given: the ceiling."
    paper = ""
    Config = SupervisedConfig
    couples_batch = True  # BatchNorm
    kinds = ("image", "vector")
    reads = ("target", "target_label")
    oracle = True
    presets: ClassVar[Presets] = SourceOnly.presets

    def __init__(self, config: SupervisedConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.predictor = Predictor(config, spec.sample.shape, spec.task, batch_norm=config.batch_norm)

    @classmethod
    def declines(cls, config: Any, spec: DataSpec) -> str:
        return declines(config, spec)

    def phases(self) -> Mapping[str, Phase]:
        return {"predictor": Phase([self.predictor], self.loss, optimizer(self.config), DECAYS[self.config.decay])}

    def loss(self, batch: Batch) -> Mapping[str, Tensor]:
        assert isinstance(batch, OracleBatch)
        return {"task": self.predictor.loss(batch.target, batch.target_label)}

    def predict(self, images: Tensor) -> Tensor:
        return self.predictor(images)


@hookimpl
def ganzoo_methods() -> Sequence[type[Method]]:
    return [Constant, Identity, HistogramMatching, SourceOnly, AdaBN, Oracle]
