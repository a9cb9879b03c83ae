"""A method that keeps the contract with everything a training scheme may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import LBFGS, SGD

from ganzoo.batch import Batch, DataSpec
from ganzoo.method import Method, Phase, Stage
from ganzoo.nn.ema import ExponentialMovingAverage
from ganzoo.settings import Settings


class SchemesConfig(Settings):
    average: float = Field(0.0, ge=0, lt=1, description="Decay of a moving average of the contrast; 0: none.")
    supervised: bool = Field(False, description="Learn the target's labels.")


class Schemes(Method):
    """First a contrast by L-BFGS; then another that starts from it, against a judge that is given what it made."""

    name = "schemes"
    summary = "Refines in two stages, and keeps the contract."
    paper = ""
    Config = SchemesConfig
    reads = ("source", "target", "target_mask")
    presets: Mapping[str, Any] = {
        "default": {"train": {"steps": 6}},
        "averaged": {"method": {"average": 0.5}, "train": {"steps": 6}},
        "supervised": {"method": {"supervised": True}, "train": {"steps": 6}},
        "again": {"method": {"average": 0.5}, "train": {"steps": 9}},
    }

    def __init__(self, config: SchemesConfig, spec: DataSpec) -> None:
        super().__init__(config, spec)
        self.first = nn.Conv2d(spec.channels, spec.channels, 1)
        self.second = nn.Conv2d(spec.channels, spec.channels, 1)
        self.judge = nn.Conv2d(spec.channels, 1, 1)
        self.average = ExponentialMovingAverage(self.second, config.average) if config.average else None
        self.register_buffer("balance", torch.zeros(()))

    @classmethod
    def columns(cls, config: SchemesConfig) -> tuple[str, ...]:
        return (*cls.reads, "target_label") if config.supervised else cls.reads

    @classmethod
    def is_oracle(cls, config: SchemesConfig) -> bool:
        return config.supervised

    @classmethod
    def declines(cls, config: SchemesConfig, spec: DataSpec) -> str:
        return "takes images of 3 pixels and more" if spec.sample.kind == "image" and spec.height < 3 else ""

    def phases(self) -> Mapping[str, Phase]:
        sgd = partial(SGD, lr=0.01)
        return {
            "fit": Phase([self.first], self.fit_loss, partial(LBFGS, lr=0.1, max_iter=3), closure=True),
            "make": Phase(
                [self.second], self.make_loss, sgd, after=self.follow, follows=self.frozen(), hands_on=("made",),
                averages=("balance",),
            ),
            "judge": Phase([self.judge], self.judge_loss, sgd, takes=("made",)),
        }  # fmt: skip

    def stages(self) -> Sequence[Stage]:
        return (
            Stage("fit", 1, lambda step: ("fit",)),
            Stage("play", 2, lambda step: (("make", "judge"),), begin=self.begin, resting=[self.first]),
        )

    def frozen(self) -> Sequence[nn.Module]:
        return () if self.average is None else (self.average,)

    def begin(self) -> None:
        self.second.load_state_dict(self.first.state_dict())

    def follow(self) -> None:
        self.balance.copy_(self.second.bias.mean())
        if self.average is not None:
            self.average.update(self.second)

    def fit_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        shown = batch.target * (1 - batch["target_mask"])
        apart = self.first(batch.source).float().mean((1, 2, 3)) - shown.mean((1, 2, 3))
        return {"mean": apart.square().mean()}

    def make_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = self.second(batch.source).tanh().float()
        batch.hand_on(made=made)
        terms = {"judged": -self.judge(made).float().mean()}
        if self.config.supervised:
            terms["label"] = (made.mean((1, 2, 3)) - batch["target_label"][:, 0]).square().mean()
        return terms

    def judge_loss(self, batch: Batch) -> Mapping[str, Tensor]:
        made = batch.carried["made"]
        return {"target": self.judge(batch.target).float().square().mean(), "made": self.judge(made).float().mean()}

    def refine(self, source: Tensor) -> Tensor:
        return (self.average or self.second)(source).tanh()
