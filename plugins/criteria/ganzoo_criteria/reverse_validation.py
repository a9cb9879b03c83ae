"""`reverse-validation`: whether a network that learns a run's predictions for the target is right on the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganzoo import hookimpl
from ganzoo.criterion import Candidate, Criterion, Reading
from ganzoo.errors import CriterionUnavailableError
from ganzoo.nn.backbones import BACKBONES
from ganzoo.nn.predictor import Predictor, PredictorConfig, recipe
from ganzoo.pixels import as_input
from ganzoo.settings import Settings
from ganzoo_criteria.measures import mean_error

ganzoo_contract = 2
CHUNK = 512  # samples per batch of a prediction


class ReverseValidationConfig(Settings):
    """Settings of `reverse-validation`."""

    network: str = Field("", description="Backbone of the reverse network; empty: gaze for images, mlp for vectors.")
    steps: int = Field(300, ge=1, description="Training steps of the reverse network.")
    batch_size: int = Field(64, ge=2, description="Samples in a training step of the reverse network.")
    seed: int = Field(0, ge=0, description="Seed of the reverse network's weights, augmentation and order of the data.")


class ReverseValidation(Criterion):
    """Section 5.1.1 of Ganin et al. 2016, after Zhong et al. 2010: a new network is trained on the target's samples
    with the run's predictions as their labels, and its error is that on the source, whose labels are known.

    The reverse network does not adapt to the source. The error that this costs is about the same for all runs on the
    same data. A run whose predictions are wrong in a way that the reverse network undoes looks right.
    """

    name = "reverse-validation"
    summary = "Error on the source of a network that learned the run's predictions for the target."
    better = "lower"
    by_default = False  # trains a network for each run
    checked_at_most: ClassVar[Mapping[str, float]] = {"steps": 3, "batch_size": 8}
    Config = ReverseValidationConfig

    def read(self, candidate: Candidate) -> Reading:
        samples = candidate.target_images
        name = self.config.network or ("gaze" if samples.ndim == 4 else "mlp")
        if name not in BACKBONES:
            raise CriterionUnavailableError(f"there is no backbone {name}; available: {', '.join(BACKBONES)}")
        if reason := BACKBONES[name].declines(samples.shape[1:]):
            raise CriterionUnavailableError(f"the backbone {name} {reason}")
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.config.seed)
            network = self._trained(candidate, name)
        made = [network(_batch(candidate.source_images, at)) for at in range(0, len(candidate.source_images), CHUNK)]
        error = mean_error(candidate.task, torch.cat(made).numpy(), candidate.source_labels)
        return Reading(error, candidate.task.unit, {"steps": self.config.steps})

    def _trained(self, candidate: Candidate, backbone: str) -> Predictor:
        """A predictor in eval mode that learned from the target's samples."""
        samples, task = candidate.target_images, candidate.task
        config = PredictorConfig(network=backbone)
        network = Predictor(config, samples.shape[1:], task, batch_norm=True)
        make, decay = recipe(config)
        optimizer = make(network.parameters())
        rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: decay(step / self.config.steps))
        labels = torch.from_numpy(np.array(candidate.target_predictions, np.float32))
        for _ in range(self.config.steps):
            rows = torch.randint(len(samples), (self.config.batch_size,))
            loss = network.loss(as_input(torch.from_numpy(samples[rows.numpy()])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
        return network.eval().requires_grad_(False)


def _batch(samples: np.ndarray, start: int) -> Tensor:
    return as_input(torch.from_numpy(np.array(samples[start : start + CHUNK])))


@hookimpl
def ganzoo_criteria() -> Sequence[type[Criterion]]:
    return [ReverseValidation]
