"""Random appearance of training images."""

from __future__ import annotations

import pytest
import torch

from ganzoo.nn.predictor import Predictor, PredictorConfig
from ganzoo.nn.randomisation import randomise
from ganzoo.task import GazeTask


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.rand(64, 1, 20, 32) * 1.6 - 0.8


def test_no_strength_changes_nothing(images):
    torch.testing.assert_close(randomise(images, 0.0), images, atol=1e-5, rtol=0)


def test_it_stays_in_range_and_changes_more_with_strength(images):
    changes = []
    for strength in (0.2, 0.6, 1.0):
        torch.manual_seed(1)
        made = randomise(images, strength)
        assert made.shape == images.shape
        assert float(made.abs().max()) <= 1
        changes.append(float((made - images).abs().mean()))
    assert changes == sorted(changes)
    assert changes[0] < 0.5 * changes[2]


def test_each_image_has_its_own_appearance(images):
    one = images[:1].expand(8, -1, -1, -1)
    made = randomise(one, 1.0)
    assert len({round(float(each.mean()), 4) for each in made}) == 8


def test_pixels_stay_where_they_are():
    """A bright bar is still where it was: appearance is random, geometry is not."""
    torch.manual_seed(0)
    images = torch.full((400, 1, 16, 24), -0.5)
    images[:, :, 8, :] = 0.5
    rows = randomise(images, 1.0).mean((0, 1, 3))
    assert int(rows.argmax()) == 8


def test_predictors_use_it_for_training_images_alone(images):
    torch.manual_seed(0)
    predictor = Predictor(PredictorConfig(augment=False, randomisation=1.0), (1, 20, 32), GazeTask(), batch_norm=False)
    assert not torch.equal(predictor.training_images(images), images)
    assert torch.equal(predictor(images), predictor(images))
    plain = Predictor(PredictorConfig(augment=False), (1, 20, 32), GazeTask(), batch_norm=False)
    assert torch.equal(plain.training_images(images), images)
