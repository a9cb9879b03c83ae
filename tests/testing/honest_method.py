"""A method that keeps the whole contract, and liars made from it: one for each way to break it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from ganzoo.batch import Batch, DataSpec
from ganzoo.dataset import Domain
from ganzoo.method import Method, Phase, linear_decay
from ganzoo.settings import Settings


class HonestConfig(Settings):
    width: int = Field(4, ge=1, description="Numbers that describe an image.")
    lr: float = Field(0.05, gt=0, description="Learning rate.")


class Honest(Method):
    """Refines by a learned contrast, predicts from four features, generates noise around a mean found at the end."""

    name = "honest"
    summary = "Does a little of everything, and keeps the contract."
    paper = ""
    Config = HonestConfig
    presets: Mapping[str, Any] = {"default": {"train": {"steps": 5}}, "wide": {"method": {"width": 8}}}
    mean: Tensor

    def __init__(self, config: HonestConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.contrast = nn.Conv2d(spec.channels, spec.channels, 1)
        pixels = spec.channels * spec.height * spec.width
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(pixels, config.width), nn.ReLU())
        self.head = nn.Linear(config.width, spec.task.output_size)
        self.register_buffer("mean", torch.zeros(spec.image_shape))
        self.register_buffer("running", torch.zeros(()))

    def phases(self) -> Mapping[str, Phase]:
        sgd = partial(SGD, lr=self.config.lr, momentum=0.9)
        return {
            "predict": Phase([self.body, self.head], self.predict_loss, sgd),
            "refine": Phase([self.contrast], self.refine_loss, sgd, linear_decay),
            "polish": Phase([self.contrast], self.polish_loss, "refine"),
        }

    def schedule(self, step: int) -> Sequence[str]:
        return ("predict",) if step < 3 else ("refine", "polish", "predict")

    def predict_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        label = self.spec.task.loss(self.head(self.body(batch.source)).float(), batch.source_label)
        return {"label": label, "progress": batch.progress}

    def refine_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        noise = 0.01 * torch.randn(batch.source.shape, device=batch.source.device)
        made = self.contrast(batch.source + noise).tanh().float()
        self.running.copy_(self.contrast.bias.detach().mean())
        gap = made.mean((1, 2, 3)) - batch.target.float().mean((1, 2, 3))
        return {"brightness": gap.square().mean(), "running": self.running.clone()}

    def polish_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"l1": F.l1_loss(self.contrast(batch.source).float(), batch.source)}

    def finish(self, source: Domain, target: Domain) -> None:
        self.mean.copy_(torch.from_numpy(target.images).float().mean(0) / 127.5 - 1)

    def diagnose(self, means: Mapping[str, float]) -> Sequence[str]:
        return ["The images are dark."] if means.get("refine/running", 0.0) < -0.5 else []

    def refine(self, source: Tensor) -> Tensor:
        return self.contrast(source).tanh()

    def generate(self, count: int) -> Tensor:
        return (self.mean + 0.1 * torch.randn(count, *self.mean.shape, device=self.mean.device)).clamp(-1, 1)

    def predict(self, images: Tensor) -> Tensor:
        return self.spec.task.decode(self.head(self.body(images)))


def liar(**lies: Any) -> type[Method]:
    """Honest with other members, and without those that are None. `built` is called at the end of the constructor."""
    built = lies.pop("built", lambda self: None)
    hidden = (
        *(name for name, lie in lies.items() if lie is None),
        "__dict__",
        "__weakref__",
        "_abc_impl",
        "__abstractmethods__",
        "__init__",
    )
    members = {key: value for key, value in vars(Honest).items() if key not in hidden}

    def constructor(self: Any, config: Any, spec: DataSpec) -> None:
        Method.__init__(self, config, spec)
        made = Honest(config, spec)
        for name, module in made.named_children():
            self.add_module(name, module)
        for name, buffer in made.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        built(self)

    return type(
        "Liar",
        (Method,),
        {**members, "__init__": constructor, **{name: lie for name, lie in lies.items() if lie is not None}},
    )
