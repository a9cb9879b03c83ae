"""MS-SSIM against closed forms and pytorch-msssim (Wang et al. 2003); the metric on methods of known diversity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_scores.diversity import Diversity, DiversityConfig, pair_similarities
from ganzoo_scores.structural_similarity import SCALE_WEIGHTS, ms_ssim, scales_and_window, ssim

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.training.build import build_method

IMAGES = np.random.default_rng(0).integers(60, 190, (40, 1, 36, 60), np.uint8)


def test_equal_images_have_a_similarity_of_1():
    assert ms_ssim(IMAGES, IMAGES, scales=3, window=9) == pytest.approx([1.0] * 40)
    assert pair_similarities(IMAGES[:1].repeat(10, 0), 100) == pytest.approx([1.0] * 5)


def test_at_one_scale_it_is_ssim():
    other = np.clip(IMAGES + np.random.default_rng(1).integers(-9, 9, IMAGES.shape), 0, 255).astype(np.uint8)
    assert ms_ssim(IMAGES, other, scales=1, window=11) == pytest.approx(ssim(IMAGES, other))


def test_flat_images_differ_by_the_luminance_of_the_coarsest_scale_alone():
    a, b, c1 = 100.0, 140.0, (0.01 * 255) ** 2
    flat = [np.full((1, 1, 36, 60), value, np.uint8) for value in (a, b)]
    weight = SCALE_WEIGHTS[2] / sum(SCALE_WEIGHTS[:3])
    expected = ((2 * a * b + c1) / (a * a + b * b + c1)) ** weight
    assert ms_ssim(*flat, scales=3, window=9)[0] == pytest.approx(expected)


def test_an_inverted_image_is_0_and_not_nan():
    assert (ms_ssim(IMAGES, 250 - IMAGES, scales=3, window=9) == 0).all()


def test_values_are_those_of_pytorch_msssim():
    """1.0.0: data_range 255, five scales with a window of 11, and three with one of 7; its window is in float32."""
    coarse = np.random.default_rng(0).uniform(40, 215, (2, 3, 24, 26)).repeat(8, 2).repeat(8, 3)
    noisy = coarse + np.random.default_rng(1).normal(0, 25, coarse.shape)
    images, others = (np.clip(each, 0, 255).round().astype(np.uint8) for each in (coarse, noisy))
    assert ms_ssim(images, others, scales=5, window=11) == pytest.approx([0.9577816854, 0.9556801421], abs=1e-5)
    small = (images[..., :112, :128], others[..., :112, :128])
    assert ms_ssim(*small, scales=3, window=7) == pytest.approx([0.9287645854, 0.9210812382], abs=1e-5)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((36, 60), (3, 9)), ((28, 28), (3, 7)), ((35, 55), (3, 7)), ((9, 15), (1, 9)), ((176, 200), (5, 11)),
     ((1, 3), (1, 1)), ((2, 2), (1, 1))],
)  # fmt: skip
def test_scales_and_window_fit_the_image(size, expected):
    scales, window = scales_and_window(*size)
    assert (scales, window) == expected
    assert window <= min(size) >> (scales - 1)


def test_no_image_is_in_two_pairs():
    assert len(pair_similarities(IMAGES[:11], 1_000)) == 5
    assert len(pair_similarities(IMAGES, 7)) == 7


class Spread(Method):
    """Generates one image with noise on it."""

    name, summary, paper, reads = "spread", "Test.", "", ("target",)

    class Config(Settings):
        noise: float = 0.0

    def phases(self):
        return {}

    def generate(self, count):
        one = torch.linspace(-0.8, 0.8, 36 * 60).view(1, 1, 36, 60)
        return (one + self.config.noise * torch.randn(count, 1, 36, 60)).clamp(-1, 1)


class Set(Dataset):
    name, summary, homepage, license, Config = "set", "Test.", "", "none", Settings

    def __init__(self):
        super().__init__(Settings())

    def target(self):
        return Domain("target", IMAGES)


def scores(noise, **settings):
    config = Spread.Config(noise=noise)
    method = build_method(Spread, config, Set().spec(), seed=0, device=torch.device("cpu"))
    data = TrainedEvaluation(method, Set(), seed=0, samples=40, extractors={},
                             capabilities=registry().found["capabilities"])  # fmt: skip
    return {score.subject: score for score in Diversity(DiversityConfig(**settings)).measure(data)}


def test_a_collapsed_generator_has_1_and_the_value_falls_with_its_noise():
    collapsed, some, much = (scores(noise) for noise in (0.0, 0.2, 0.6))
    assert collapsed["method"].value == pytest.approx(1)
    assert 1 > some["method"].value > much["method"].value
    assert collapsed["real"].value == some["real"].value < 0.3


def test_the_card_has_what_a_value_depends_on():
    card = scores(0.2, pairs=10)["method"].card
    assert (card["scales"], card["window"], card["pairs"], card["images"]) == (3, 9, 10, 40)
    assert card["reference"] == "target"
