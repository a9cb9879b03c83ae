"""`fid` and `kid` as metrics: what they compare, and what their scores say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from ganzoo_fid.metrics import FID, KID, DistanceConfig
from torch import Tensor

from ganzoo.batch import image_spec
from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.metric import Extractor, Score
from ganzoo.settings import Settings
from ganzoo.task import GazeTask


class Pixels(Extractor):
    name = "pixels"
    summary = "The pixels of a 4 x 4 thumbnail."
    card: Mapping[str, Any] = {"weights_sha256": "none", "resizer": "mean"}

    def __init__(self, data: Any) -> None: ...

    def features(self, images: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images.float(), 4).flatten(1)


class Absent(Pixels):
    def __init__(self, data: Any) -> None:
        raise MetricUnavailableError("put the weights there")


class Two(Dataset):
    """Noise, bright in the source and dark in the target."""

    name, summary, homepage, license, Config = "two", "", "", "", Settings
    task = GazeTask()
    held_out = True

    def part(self, name: str, seed: int, brightness: int, count: int = 80) -> Domain:
        noise = np.random.default_rng(seed).integers(0, 100, (count, 1, 8, 8))
        return Domain(name, (noise + brightness).astype(np.uint8), np.zeros((count, 2), np.float32))

    def source(self) -> Domain:
        return self.part("source", 0, 120)

    def source_test(self) -> None:
        return None

    def target(self) -> Domain:
        return self.part("target", 1, 20)

    def target_test(self) -> Domain | None:
        return self.part("target_test", 2, 20, 60) if self.held_out else None


class Brightness(Method):
    """Adds a constant: 0 returns the input, -100 grey levels make the target."""

    name, summary, paper, Config = "brightness", "", "", Settings

    def __init__(self, grey_levels: float) -> None:
        super().__init__(Settings(), image_spec(1, 8, 8, GazeTask()))
        self.grey_levels = grey_levels

    def phases(self):
        return {}

    def refine(self, source: Tensor) -> Tensor:
        return source + self.grey_levels / 127.5


def measured(metric: type, grey_levels: float, dataset: Dataset | None = None, samples: int = 2_048) -> dict:
    data = TrainedEvaluation(
        Brightness(grey_levels),
        dataset or Two(Settings()),
        seed=0,
        samples=samples,
        extractors={"pixels": Pixels, "absent": Absent},
        capabilities=registry().found["capabilities"],
    )
    scores = metric(DistanceConfig(extractors=("pixels", "absent"))).measure(data)
    return {(score.name, score.subject): score for score in scores}


@pytest.mark.parametrize("metric", [FID, KID])
def test_a_method_that_returns_its_input_scores_as_the_raw_source(metric: type) -> None:
    scores = measured(metric, 0)
    name = f"{metric.name}[pixels]"
    assert scores[name, "method"].value == scores[name, "source-only"].value


@pytest.mark.parametrize("metric", [FID, KID])
def test_a_method_that_makes_the_target_is_far_nearer_than_the_raw_source(metric: type) -> None:
    scores = measured(metric, -100)
    name = f"{metric.name}[pixels]"
    made, raw = scores[name, "method"], scores[name, "source-only"]
    assert made.value is not None
    assert raw.value is not None
    assert made.value < raw.value / 100
    assert made.high is not None
    assert raw.low is not None
    assert made.high < raw.low


def test_of_equal_distributions_the_kernel_distance_is_zero_within_its_interval() -> None:
    made = measured(KID, -100)["kid[pixels]", "method"]
    assert made.low is not None
    assert made.high is not None
    assert made.low < 0 < made.high


def test_the_shift_of_a_mean_is_in_the_frechet_distance_squared() -> None:
    dark, darker = (measured(FID, by)["fid[pixels]", "method"].value for by in (-100, -110))
    assert darker - dark == pytest.approx(16 * 10**2, rel=0.1)  # 16 features, moved by 10 grey levels each


def test_an_extractor_that_cannot_be_had_leaves_a_reason_and_harms_no_other() -> None:
    scores = measured(FID, 0)
    absent = scores["fid[absent]", "method"]
    assert absent.value is None
    assert absent.reason == "put the weights there"
    assert scores["fid[pixels]", "method"].value is not None


def test_the_reference_is_held_out_images_where_there_are_any_and_the_card_says_which() -> None:
    without = Two(Settings())
    without.held_out = False
    assert measured(FID, 0)["fid[pixels]", "method"].card["reference"] == "target_test"
    assert measured(FID, 0, without)["fid[pixels]", "method"].card["reference"] == "target"


def test_scores_say_what_they_were_measured_with() -> None:
    score: Score = measured(FID, 0, samples=50)["fid[pixels]", "method"]
    assert score.card["extractor"] == {"name": "pixels", "weights_sha256": "none", "resizer": "mean"}
    assert (score.card["images"], score.card["reference_images"]) == (50, 50)
    assert score.card["reference_fingerprint"]
    assert score.card["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert "50 images" in score.warning


def test_method_and_raw_source_can_be_ranked_with_each_other() -> None:
    scores = measured(FID, 0)
    assert scores["fid[pixels]", "method"].card == scores["fid[pixels]", "source-only"].card
