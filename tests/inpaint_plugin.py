"""A third party's plugin in one file: the capability inpaint, a method that has it, and a metric with a reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from ganzoo import hookimpl
from ganzoo.batch import Batch, Column
from ganzoo.capabilities import Argument, Capability
from ganzoo.dataset import Dataset, Domain
from ganzoo.method import Method, Phase
from ganzoo.metric import Evaluation, Metric, Score
from ganzoo.settings import Settings
from ganzoo.task import NoTask

HEIGHT, WIDTH = 24, 40


@runtime_checkable
class Inpaints(Protocol):
    def inpaint(self, images: Tensor, mask: Tensor) -> Tensor:
        """Target images [N, C, H, W] in [-1, 1] whose pixels under a mask [N, 1, H, W] of ones are made anew."""
        ...


class InpaintToy:
    """Fills holes with grey."""

    scale: Tensor

    def inpaint(self, images: Tensor, mask: Tensor) -> Tensor:
        return images * (1 - mask) + 0 * self.scale


class Inpaint(Capability):
    name = "inpaint"
    summary = "Fills the masked part of each target image."
    adjective = "inpainted"
    protocol = Inpaints
    arguments = (
        Argument("images", "", "target", "target images"),
        Argument("mask", "mask", "target", "masks, 1 where a pixel is to be made anew"),
    )
    makes = "samples"
    toy = InpaintToy

    def input(self, method: Method, argument: Argument) -> Column:
        images = method.spec.sample
        return images if argument.column == "" else Column((1, *method.spec.image_shape[1:]), "mask")

    def output(self, method: Method) -> Column:
        return method.spec.sample

    def rows(self, method: Method, inputs: Sequence[Tensor], made: Tensor) -> list[Tensor]:
        """The images with black holes above the filled ones."""
        images, mask = inputs
        return [torch.where(mask > 0, -torch.ones_like(images), images), made]

    def toy_input(self, method: Method, argument: Argument, column: Tensor | None, count: int) -> Tensor:
        if argument.column == "":
            return super().toy_input(method, argument, column, count)
        return holes(count, *self.input(method, argument).shape[1:])

    def violations(self, method: Method, inputs: Sequence[Tensor], made: Tensor) -> Iterator[str]:
        images, mask = inputs
        kept = ((made - images) * (1 - mask)).abs().max()
        if kept > 1e-3:
            yield f"changes pixels outside the mask, by up to {float(kept):.2g}"

    def goal(self, method: Method, truth: Mapping[str, Tensor], made: Tensor) -> float:
        return float((made - truth["target"]).square().mean())


def holes(count: int, height: int, width: int) -> Tensor:
    """Masks with a hole in the middle."""
    mask = torch.zeros(count, 1, height, width)
    mask[..., height // 4 : -height // 4, width // 4 : -width // 4] = 1
    return mask


class Scenes(Dataset):
    name = "scenes"
    summary = "Ramps from dark to bright, with holes."
    homepage = "https://example.org"
    license = "none"
    Config = Settings
    task = NoTask()

    def target(self) -> Domain:
        return self._part("target", 0)

    def target_test(self) -> Domain:
        return self._part("target_test", 1)

    def _part(self, name: str, seed: int) -> Domain:
        random = np.random.default_rng(seed)
        ramp = random.uniform(0, 100, (32, 1, 1)) + np.linspace(0, 150, WIDTH)
        images = np.repeat(ramp, HEIGHT, axis=1).astype(np.uint8)[:, None]
        mask = holes(len(images), HEIGHT, WIDTH).numpy().astype(bool)
        return Domain(name, images, extra={"mask": mask}, observed=("mask",))


class FillerConfig(Settings):
    lr: float = Field(0.05, gt=0, description="Learning rate.")


class Filler(Method):
    """Fills a hole with one grey level."""

    name = "filler"
    summary = "Fills holes with the mean of what is around them, shifted by a learned number."
    paper = ""
    Config = FillerConfig
    reads = ("target", "target_mask")

    def __init__(self, config: FillerConfig, spec) -> None:
        super().__init__(config, spec)
        self.shift = nn.Linear(1, 1)

    def phases(self):
        return {"fill": Phase([self.shift], self.loss, partial(Adam, lr=self.config.lr))}

    def loss(self, batch: Batch):
        return {"mse": F.mse_loss(self.inpaint(batch.target, batch["target_mask"]), batch.target)}

    def inpaint(self, images: Tensor, mask: Tensor) -> Tensor:
        around = (images * (1 - mask)).sum((2, 3), keepdim=True) / (1 - mask).sum((2, 3), keepdim=True)
        filled = self.shift(around.flatten(0).unsqueeze(1)).reshape(around.shape)
        return torch.where(mask > 0, filled, images).clamp(-1, 1)


class HolePSNR(Metric):
    name = "hole-psnr"
    summary = "Peak signal-to-noise ratio of filled holes, against the original pixels."
    needs = (Inpaints,)
    Config = Settings

    def measure(self, data: Evaluation) -> Sequence[Score]:
        original, filled = data.sampled("target_test"), data.applied("inpaint", "target_test")
        mask = np.broadcast_to(original.extra["mask"], original.images.shape)
        squared = (original.images[mask] / 255.0 - filled.images[mask] / 255.0) ** 2
        return [Score("hole_psnr", float(-10 * np.log10(squared.mean())), unit="dB", better="higher")]


@hookimpl
def ganzoo_capabilities():
    return [Inpaint]


@hookimpl
def ganzoo_datasets():
    return [Scenes]


@hookimpl
def ganzoo_methods():
    return [Filler]


@hookimpl
def ganzoo_metrics():
    return [HolePSNR]
