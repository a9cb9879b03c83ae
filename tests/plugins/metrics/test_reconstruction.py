"""SSIM and PSNR against closed forms (Wang et al. 2004) and against scikit-image; the metric on trained methods."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_scores.reconstruction import Reconstruction, errors, psnr, ssim

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.training.build import build_method

IMAGES = np.random.default_rng(0).integers(60, 190, (5, 1, 20, 30), np.uint8)


def test_equal_images_are_perfect():
    assert ssim(IMAGES, IMAGES) == pytest.approx([1.0] * 5)


def test_flat_images_differ_by_their_luminance_alone():
    """Equation 13 with no variance: (2 a b + C1) / (a^2 + b^2 + C1)."""
    a, b, c1 = 100.0, 140.0, (0.01 * 255) ** 2
    flat = [np.full((1, 1, 16, 16), value, np.uint8) for value in (a, b)]
    assert ssim(*flat)[0] == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1))


def test_an_inverted_image_has_a_negative_structure():
    assert (ssim(IMAGES, 250 - IMAGES) < 0).all()


def test_it_is_symmetric_and_takes_images_smaller_than_the_window():
    small, other = IMAGES[..., :7, :9], IMAGES[::-1, ..., :7, :9].copy()
    assert ssim(small, other) == pytest.approx(ssim(other, small))


def test_a_shift_of_ten_grey_levels_has_the_psnr_of_its_square():
    absolute, square = errors(IMAGES, IMAGES + 10)
    assert psnr(square) == pytest.approx([10 * np.log10(255**2 / 100)] * 5)
    assert (absolute == 10).all()


def test_equal_images_have_the_psnr_of_rounding():
    assert psnr(np.zeros(2)) == pytest.approx([10 * np.log10(255**2 * 12)] * 2)


def test_values_are_those_of_scikit_image():
    """0.26: gaussian_weights, sigma 1.5, use_sample_covariance False, data_range 255, on colour images."""
    random = np.random.default_rng(0)
    images = random.integers(60, 190, (2, 3, 20, 30), np.uint8)
    noise = random.integers(-40, 41, images.shape)
    noisy = np.clip(images.astype(int) + noise, 0, 255).astype(np.uint8)
    assert ssim(images, noisy) == pytest.approx([0.8271196130492072, 0.8346959342003135], abs=1e-9)
    assert psnr(errors(images, noisy)[1]) == pytest.approx([20.547964887870474, 20.71679239181394], abs=1e-9)


def test_many_images_are_compared_as_few_are():
    many = np.random.default_rng(1).integers(0, 256, (600, 1, 12, 12), np.uint8)
    others = many[::-1]
    assert ssim(many, others)[[0, 300, 599]] == pytest.approx(ssim(many[[0, 300, 599]], others[[0, 300, 599]]))
    assert errors(many, others)[0][[0, 599]] == pytest.approx(errors(many[[0, 599]], others[[0, 599]])[0])


class Dimmed(Method):
    """Reconstructs each sample one tenth nearer to zero."""

    name, summary, paper, Config, reads, kinds = "dimmed", "Test.", "", Settings, ("target",), ("image", "vector")

    def phases(self):
        return {}

    def reconstruct(self, images):
        return images * 0.9


class Set(Dataset):
    """Samples for training, and others for the test."""

    name, summary, homepage, license, Config = "set", "Test.", "", "none", Settings

    def __init__(self, train, test=None, groups=None):
        super().__init__(Settings())
        self.train, self.test, self.groups = train, test, groups

    def target(self):
        return Domain("target", self.train)

    def target_test(self):
        return None if self.test is None else Domain("target-test", self.test, groups=self.groups)


def scores(dataset):
    method = build_method(Dimmed, Settings(), dataset.spec(), seed=0, device=torch.device("cpu"))
    data = TrainedEvaluation(method, dataset, seed=0, samples=64, extractors={},
                             capabilities=registry().found["capabilities"])  # fmt: skip
    return {(score.name, score.subject): score for score in Reconstruction(Settings()).measure(data)}


def test_it_measures_held_out_images_beside_the_mean_training_image():
    found = scores(Set(np.full((4, 1, 12, 12), 100, np.uint8), np.full((6, 1, 12, 12), 130, np.uint8)))
    assert found["reconstruction_mae", "mean"].value == 30
    assert found["reconstruction_mae", "method"].value == pytest.approx(0.25, abs=0.5)
    assert found["psnr_db", "mean"].value == pytest.approx(10 * np.log10(255**2 / 900))
    assert found["ssim", "method"].card["measured_on"] == "target_test"


def test_without_held_out_images_it_measures_those_of_the_training_and_says_so():
    found = scores(Set(np.full((4, 1, 12, 12), 100, np.uint8)))
    assert found["ssim", "method"].card["measured_on"] == "target"


def test_vectors_have_an_absolute_error_alone():
    found = scores(Set(np.full((4, 2), 5.0, np.float32), np.full((6, 2), 10.0, np.float32)))
    assert set(found) == {("reconstruction_mae", "method"), ("reconstruction_mae", "mean")}
    assert found["reconstruction_mae", "method"].value == pytest.approx(1.0)
    assert found["reconstruction_mae", "mean"].value == pytest.approx(5.0)


def test_the_interval_is_over_people_if_they_are_known():
    levels = np.repeat(np.array([40, 90, 200, 250], np.uint8), 25)
    images = levels[:, None, None, None] * np.ones((1, 1, 6, 6), np.uint8)
    alone = scores(Set(images, images))["reconstruction_mae", "mean"]
    people = scores(Set(images, images, np.repeat(np.arange(4), 25)))["reconstruction_mae", "mean"]
    assert alone.value == people.value
    assert people.high - people.low > 4 * (alone.high - alone.low)
