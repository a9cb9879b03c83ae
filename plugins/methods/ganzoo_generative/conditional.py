"""Networks that take labels: a generator, and a discriminator of pairs of a sample and a label."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from ganzoo.batch import Column, DataSpec
from ganzoo.nn.convolutional import convolutional_discriminator, convolutional_generator
from ganzoo.nn.fully_connected import as_samples, perceptron
from ganzoo.nn.init import normal_init
from ganzoo.task import ClassTask, GazeTask, NoTask, RegressionTask, Task

GAZE = 0.5  # rad, about the range of gaze in front of a screen: scaled labels have about unit range


def condition_size(task: Task) -> int:
    """Numbers of a scaled label."""
    return task.classes if isinstance(task, ClassTask) else task.label_size


def condition(task: Task, labels: Tensor) -> Tensor:
    """Labels [N, task.label_size] scaled for networks and distances: [N, condition_size(task)].

    Classes are one-hot, gaze is in units of 0.5 rad, other numbers are standardised by the task.
    """
    if isinstance(task, ClassTask):
        return one_hot(labels[:, 0], task.classes)
    if isinstance(task, GazeTask):
        return labels / GAZE
    if isinstance(task, RegressionTask) and task.mean and task.scale:
        columns = zip(labels.unbind(1), task.mean, task.scale, strict=True)
        return torch.stack([(column - mean) / scale for column, mean, scale in columns], 1)
    return labels


def one_hot(classes: Tensor, count: int) -> Tensor:
    """Classes [N] as rows of zeros and a one [N, count]. Unlike torch's function it never waits for the device."""
    return (classes[:, None] == torch.arange(count, device=classes.device)).float()


def declines_labels(spec: DataSpec, domain: str) -> str:
    """Why a generator for labels cannot learn this domain, for `Method.declines`; empty if it can."""
    if isinstance(spec.task, NoTask):
        return "generates samples for labels, but these data have none"
    if domain in spec.columns and spec.columns[domain] != spec.sample:
        return f"learns the {domain}, whose {spec.columns[domain]} differ in form from the target's {spec.sample}"
    return ""


class ConditionalGenerator(nn.Module):
    """Latents [N, latent] and scaled labels [N, conditions] to samples: images through DCGAN's network, others fully
    connected. A label is embedded in as many numbers as the latent has, and both are concatenated."""

    def __init__(self, sample: Column, conditions: int, *, latent: int, width: int, levels: int, units: int) -> None:
        super().__init__()
        self.sample = sample
        self.layers: nn.Module
        if sample.kind == "image":
            self.layers = convolutional_generator(sample, latent=2 * latent, width=width, levels=levels)
            normal_init(self.layers)
        else:
            self.layers = perceptron(2 * latent, units, 2, prod(sample.shape))
        self.embed = perceptron(conditions, units, 1, latent)

    def forward(self, latent: Tensor, conditions: Tensor) -> Tensor:
        made: Tensor = self.layers(torch.cat([latent, self.embed(conditions)], 1))
        return made.float() if self.sample.kind == "image" else as_samples(made, self.sample)


class ConditionalDiscriminator(nn.Module):
    """Whether a sample x is a real one of the label y, as a logit.

    With `projection` it is psi(f(x)) + <v(y), f(x)> with features f (Miyato and Koyama 2018, equation 3), where v has a
    hidden layer, so that it need not be linear in y. Without it, one more layer reads features and embedded labels
    together (Mirza and Osindero 2014, section 4.1).
    """

    def __init__(
        self, sample: Column, conditions: int, *, width: int, levels: int, units: int, projection: bool
    ) -> None:
        super().__init__()
        trunk: nn.Module
        if sample.kind == "image":
            trunk = convolutional_discriminator(sample, width=width, levels=levels, outputs=units)
            normal_init(trunk)
        else:
            trunk = nn.Sequential(nn.Flatten(), perceptron(prod(sample.shape), units, 1, units))
        self.features = nn.Sequential(trunk, nn.LeakyReLU(0.2))
        self.embed = perceptron(conditions, units, 1, units)
        self.judge = nn.Linear(units, 1) if projection else perceptron(2 * units, units, 1, 1)
        self.projection = projection

    def forward(self, samples: Tensor, conditions: Tensor) -> Tensor:
        """Each sample [N, ...] with its own label [N, conditions]: logits [N, 1]."""
        features, embedded = self.features(samples), self.embed(conditions)
        logits: Tensor
        if self.projection:
            logits = self.judge(features) + (embedded * features).sum(1, keepdim=True)
        else:
            logits = self.judge(torch.cat([features, embedded], 1))
        return logits.float()

    def pairs(self, samples: Tensor, conditions: Tensor) -> Tensor:
        """Each label [T, conditions] with every sample [N, ...]: logits [T, N]. Only with projection."""
        features = self.features(samples)
        return (self.judge(features)[:, 0] + self.embed(conditions) @ features.T).float()
