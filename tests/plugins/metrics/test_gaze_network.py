"""The paper's gaze network and the recipe that trains it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_gaze.network import GazeNetwork, GazeNetworkConfig, one_cycle
from torch import nn

from ganzoo.batch import Batch, image_spec
from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.nn.augmentation import augment
from ganzoo.task import ClassTask, GazeTask
from ganzoo.training.build import build_method
from ganzoo.training.config import TrainConfig
from ganzoo.training.loop import train

EYES = image_spec(1, 35, 55, GazeTask())


def layers(network: nn.Module) -> list[tuple[str, int]]:
    return [
        (type(module).__name__, getattr(module, "out_channels", getattr(module, "out_features", None)))
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]


def test_the_layers_are_those_of_the_paper() -> None:
    network = GazeNetwork(GazeNetworkConfig(), EYES)
    assert layers(network) == [
        ("Conv2d", 32),
        ("Conv2d", 32),
        ("Conv2d", 64),
        ("Conv2d", 80),
        ("Conv2d", 192),
        ("Linear", 1000),
        ("Linear", 3),
    ]
    assert network.features[1].in_features == 9600


@pytest.mark.parametrize("shape", [(1, 24, 40), (3, 36, 60), (1, 19, 19), (3, 64, 100)])
def test_it_takes_other_sizes_and_colour(shape: tuple[int, int, int]) -> None:
    network = GazeNetwork(GazeNetworkConfig(), image_spec(*shape, GazeTask()))
    assert network.predict(torch.zeros(2, *shape)).shape == (2, 2)


def test_images_that_are_too_small_are_refused_in_words() -> None:
    with pytest.raises(MetricUnavailableError, match="9 x 15 pixels are too small"):
        GazeNetwork(GazeNetworkConfig(), image_spec(1, 9, 15, GazeTask()))


def test_before_training_it_looks_towards_the_camera() -> None:
    prediction = GazeNetwork(GazeNetworkConfig(), EYES).predict(torch.rand(64, 1, 35, 55) * 2 - 1)
    assert GazeTask().error(prediction, torch.zeros(64, 2)).mean() < 45


def test_its_output_and_loss_are_those_of_the_task() -> None:
    network = GazeNetwork(GazeNetworkConfig(augment=False), image_spec(1, 28, 28, ClassTask(10)))
    images, labels = torch.zeros(4, 1, 28, 28), torch.arange(4.0)[:, None]
    loss = network.loss(Batch({"source": images, "source_label": labels}, torch.tensor(0.0)))["task"]
    assert loss.item() == pytest.approx(np.log(10), rel=0.05)  # the first output is nearly flat


def test_the_target_changes_nothing_that_it_learns() -> None:
    source = Domain("source", np.random.default_rng(0).integers(0, 255, (16, 1, 24, 40), np.uint8), np.zeros((16, 2)))
    weights = []
    for brightness in (0, 255):
        target = Domain("target", np.full((16, 1, 24, 40), brightness, np.uint8))
        network = build_method(
            GazeNetwork, GazeNetworkConfig(), image_spec(1, 24, 40, GazeTask()), seed=0, device=torch.device("cpu")
        )
        train(network, source, target, TrainConfig(steps=2, batch_size=4, device="cpu", precision="fp32"))
        weights.append(torch.cat([weight.flatten() for weight in network.parameters()]))
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    rates = [one_cycle(progress) for progress in np.linspace(0, 1, 101)]
    assert 0 < rates[0] < 0.1
    assert max(rates) == pytest.approx(1)
    assert np.argmax(rates) == 10
    assert rates[-1] == pytest.approx(0)
    assert (np.diff(rates[10:]) <= 0).all()


def test_augmentation_moves_an_image_by_two_pixels_at_most() -> None:
    torch.manual_seed(0)
    images = torch.full((400, 1, 35, 55), 1.0)
    images[:, :, 16:19, 26:29] = -1  # a dark spot in the middle
    darkest = augment(images).flatten(1).argmin(1)
    across, down = (darkest % 55 - 27).abs(), (darkest // 55 - 17).abs()
    assert 2 <= across.max() <= 4  # two pixels, and one from the spot's middle to its edge, and rounding
    assert 2 <= down.max() <= 4


def test_augmented_images_keep_shape_and_range() -> None:
    images = torch.rand(8, 3, 24, 40) * 2 - 1
    changed = augment(images)
    assert changed.shape == images.shape
    assert changed.abs().max() <= 1
    assert (changed - images).abs().mean() > 0.01
