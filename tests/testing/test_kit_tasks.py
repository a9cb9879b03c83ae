"""Each check of tasks and backbones passes ganzoo's own and catches a liar."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from kit_liars import Liars
from torch import Tensor, nn

from ganzoo.discovery.registry import registry
from ganzoo.nn.backbones import Backbone
from ganzoo.task import Task
from ganzoo.testing import generate_checks, parametrize_with_checks


@dataclass(frozen=True)
class Honest(Task):
    """The opening of an eye, from 0 to 1."""

    most: float = 1.0
    name = "opening"
    summary = "How far an eye is open."
    label_size = 1
    output_size = 1
    unit = "mm"

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        return (self.decode(output) - label).abs().mean()

    def decode(self, output: Tensor) -> Tensor:
        return output.sigmoid() * self.most

    def error(self, prediction: Tensor, label: Tensor) -> Tensor:
        return (prediction - label).abs()[:, 0]

    def problem(self, labels):
        return None if ((labels >= 0) & (labels <= self.most)).all() else "an eye's opening is out of range"


class HonestBackbone(Backbone):
    name = "flat"
    summary = "One layer."

    @classmethod
    def features(cls, shape, batch_norm):
        size = shape[0] * shape[1] * shape[2]
        return nn.Sequential(nn.Flatten(), nn.Linear(size, 8), *([nn.BatchNorm1d(8)] if batch_norm else [])), 8


TASKS = Liars(Honest)
BACKBONES = Liars(HonestBackbone)
lie, lie_about_layers = TASKS.lie, BACKBONES.lie


class Thawed(Task):
    """Not a dataclass."""

    __abstractmethods__ = frozenset()


declares = "task_declares_itself"
TASKS.told.append((declares, "not a frozen dataclass", type("Thawed", (Thawed,), {"name": "a", "summary": "A."})))
lie(declares, "is not lower-case", name="Opening")
lie(declares, "label_size is -1", label_size=-1)
lie(declares, "label_names are 2, but a label has 1", label_names=("a", "b"))
lie(declares, "a name twice", label_size=2, label_names=("a", "a"))
lie("settings_make_the_same_task", "give another task", settings=lambda self: {"most": 2})
lie("settings_make_the_same_task", "cannot be written as TOML", settings=lambda self: {"most": None})
lie("predictions_are_labels", "decode returns (32,)", decode=lambda self, output: output.sigmoid()[:, 0])
lie("predictions_are_labels", "rejects its own predictions", decode=lambda self, output: output * 9)
lie("error_is_zero_for_the_truth", "error returns (32, 1)", error=lambda self, a, b: (a - b).abs())
lie("error_is_zero_for_the_truth", "negative", error=lambda self, a, b: (a - b)[:, 0])
lie("error_is_zero_for_the_truth", "the truth has an error of 1", error=lambda self, a, b: (a - b).abs()[:, 0] + 1)
lie("error_is_zero_for_the_truth", "labels that differ have no error", error=lambda self, a, b: 0 * a[:, 0])
lie("loss_is_a_mean", "has shape (32, 1)", loss=lambda self, output, label: (self.decode(output) - label).abs())
lie("loss_is_a_mean", "the mean of its halves", loss=lambda self, output, label: Honest.loss(self, output, label) * 32
    if len(label) > 16 else Honest.loss(self, output, label))  # fmt: skip
lie(
    "lower_loss_means_lower_error",
    "change the error",
    loss=lambda self, output, label: -Honest.loss(self, output, label),
)
lie("impossible_labels_are_named", "accepts a label of nan", problem=lambda self, labels: None)
lie("averages_are_predictions", "gives another average", average=lambda self, made: made[0])
lie("averages_are_predictions", "average to others", of_vectors=lambda self, vectors: vectors / 2)
lie("averages_are_predictions", "no valid labels", average=lambda self, made: made.sum(0) if len(made) == 3
    else made[0])  # fmt: skip
lie("augmented_images_are_images", "leave [-1, 1]", augment=lambda self, images: images * 2)
lie("augmented_images_are_images", "changed in place", augment=lambda self, images: images.neg_())
lie("augmented_images_are_images", "the same seed", augment=lambda self, images: images * torch.rand(
    (), generator=torch.Generator().manual_seed(torch.Generator().seed())))  # fmt: skip


def layers(*more, size=8, batch_norm=None):
    """The honest network with further layers."""

    def features(cls, shape, asked):
        network, _ = HonestBackbone.features(shape, asked if batch_norm is None else batch_norm)
        return nn.Sequential(network, *(each() for each in more)), size

    return classmethod(features)


class Unused(nn.Linear):
    def forward(self, features):
        return features


class Unseeded(nn.Linear):
    def __init__(self):
        super().__init__(8, 8)
        self.weight.data.uniform_(generator=torch.Generator().manual_seed(torch.Generator().seed()))


class Mixing(nn.Module):
    def forward(self, features):
        return features - features.mean(0, keepdim=True)


declares = "backbone_declares_itself"
lie_about_layers(declares, "is not lower-case", name="Flat!")
lie_about_layers(declares, "kinds is 'image'", kinds="image")
lie_about_layers(declares, "not text", declines=classmethod(lambda cls, shape: None))
lie_about_layers(declares, "declines each of", declines=classmethod(lambda cls, shape: "is tired"))
lie_about_layers("features_have_their_size", "not (6, 9)", features=layers(size=9))
lie_about_layers("features_have_their_size", "raised IndexError", kinds=("image", "vector"))
lie_about_layers(
    "features_have_their_size", "the head for 5", head=classmethod(lambda cls, size, n: nn.Linear(size, 2))
)
lie_about_layers("batch_norm_is_a_choice", "without it", features=layers(batch_norm=False))
lie_about_layers("batch_norm_is_a_choice", "depend on its batch", features=layers(Mixing))
lie_about_layers("every_layer_is_trained", "no gradient for 0.1.weight", features=layers(lambda: Unused(8, 8)))
lie_about_layers("starting_weights_follow_the_seed", "other initial weights", features=layers(Unseeded))


@TASKS.cases()
def test_each_lie_about_a_task_is_caught(name, what, cls):
    TASKS.caught(name, what, cls)


@BACKBONES.cases()
def test_each_lie_about_a_backbone_is_caught(name, what, cls):
    BACKBONES.caught(name, what, cls)


@pytest.mark.parametrize(("liars", "kind"), [(TASKS, Honest), (BACKBONES, HonestBackbone)])
def test_each_check_has_a_lie(liars, kind):
    checks = {check.name for _, check in generate_checks([kind], slow=True)} - {"imports_only_the_contract"}
    assert checks == liars.names


@parametrize_with_checks([*registry().found["tasks"].values(), *registry().found["backbones"].values()])
def test_ganzoos_own_keep_to_it(plugin, check):
    check(plugin)


@pytest.mark.parametrize("check", TASKS.rules(), ids=lambda check: check.name)
def test_an_honest_task_passes(check):
    check(Honest)


@pytest.mark.parametrize("check", BACKBONES.rules(), ids=lambda check: check.name)
def test_an_honest_backbone_passes(check):
    check(HonestBackbone)
