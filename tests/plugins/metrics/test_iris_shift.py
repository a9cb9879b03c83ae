"""The iris in an image against its mask, and errors of numbers, on images whose truth is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ganzoo_scores.iris_shift import IrisShift, IrisShiftConfig, best_shifts, contrast_template
from ganzoo_scores.regression_error import PredictionError, error_scores

from ganzoo.dataset import Domain
from ganzoo.errors import MetricUnavailableError
from ganzoo.task import RegressionTask

HEIGHT, WIDTH = 36, 60
RNG = np.random.default_rng(0)


def eye(x, y, radius=8.0):
    """An eye, and its mask: an ellipse of sclera with a disc of iris at x, y."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    opening = ((columns - 30) / 24) ** 2 + ((rows - 18) / 10) ** 2 < 1
    distance = np.hypot(columns - x, rows - y)
    soft = np.clip(radius + 0.5 - distance, 0, 1)
    image = np.where(opening, 220 - 170 * soft, 130 + 0 * soft)
    return image, np.where(opening, np.where(distance < radius, 2, 1), 0).astype(np.uint8)


def domain(places):
    images, masks = zip(*(eye(*place) for place in places), strict=True)
    noisy = np.stack(images)[:, None] + RNG.normal(0, 3, (len(places), 1, HEIGHT, WIDTH))
    return Domain("source-test", noisy.clip(0, 255).astype(np.uint8), extra={"mask": np.stack(masks)})


class Data:
    def __init__(self, before, after):
        self.before, self.after = before, after

    def sampled(self, name):
        return self.before

    def refined(self, name):
        return self.after


def scores(before, after, **settings):
    found = IrisShift(IrisShiftConfig(**settings)).measure(Data(before, after))
    return {(score.name, score.subject): score for score in found}


PLACES = np.column_stack([RNG.uniform(22, 38, 40), RNG.uniform(16, 20, 40)])


@pytest.mark.parametrize("moved", [(0.0, 0.0), (3.0, 0.0), (-2.0, 1.5), (0.5, 0.0)])
def test_a_known_shift_of_the_iris_is_found(moved):
    before = domain(PLACES)
    found = scores(before, domain(PLACES + np.array(moved)))
    assert found["iris_shift_px", "method"].value == pytest.approx(np.hypot(*moved), abs=0.45)
    assert found["iris_offset_px", "unrefined"].value < 0.35, "the mask fits the image that it was made for"


def test_a_change_of_brightness_and_contrast_is_no_shift():
    before = domain(PLACES)
    after = Domain("refined", (before.images * 0.5 + 60).astype(np.uint8), extra=before.extra)
    assert scores(before, after)["iris_shift_px", "method"].value < 0.1


def test_the_template_is_the_mean_on_the_sclera_minus_the_mean_on_the_iris():
    image, mask = eye(30, 18)
    template = contrast_template((mask == 2)[None], (mask == 1)[None])
    assert float((template[0] * torch.from_numpy(image)).sum()) == pytest.approx(
        image[mask == 1].mean() - image[mask == 2].mean(), abs=1e-3
    )


def test_shifts_are_x_then_y():
    image, mask = eye(30, 18)
    template = contrast_template((mask == 2)[None], (mask == 1)[None])
    moved = np.roll(image, (2, 5), (0, 1))[None, None].astype(np.uint8)
    assert best_shifts(moved, template, 8)[0] == pytest.approx([5, 2], abs=0.1)


def test_images_without_iris_in_their_mask_are_left_out_and_counted():
    before = domain(PLACES)
    before.extra["mask"][:5] = 0
    assert scores(before, before)["iris_shift_px", "method"].card["left_out"] == 5


def test_data_without_masks_are_refused_in_one_sentence():
    bare = Domain("source-test", domain(PLACES[:2]).images)
    with pytest.raises(MetricUnavailableError, match="have no column 'mask'"):
        scores(bare, bare)
    empty = Domain("source-test", bare.images, extra={"mask": np.zeros((2, HEIGHT, WIDTH), np.uint8)})
    with pytest.raises(MetricUnavailableError, match="no mask has both iris"):
        scores(empty, empty)


def numbers(labels):
    return Domain("target-test", np.zeros((len(labels), 1), np.float32), np.asarray(labels, np.float32))


def test_the_error_is_the_distance_in_the_tasks_unit():
    data = SimpleNamespace(spec=SimpleNamespace(task=RegressionTask(2, "px")))
    truth = numbers([[0, 0], [10, 0], [0, 10]])
    predicted = torch.tensor([[3.0, 4], [10, 0], [0, 12]])
    found = {score.name: score.value for score in error_scores("prediction_error", "method", data, predicted, truth)}
    assert found["prediction_error_px"] == pytest.approx((5 + 0 + 2) / 3)
    assert found["prediction_error_median_px"] == 2
    assert found["prediction_error_1_bias"] == 1
    assert found["prediction_error_2_slope"] == pytest.approx(np.polyfit([0, 0, 10], [4, 0, 12], 1)[0])


def test_the_constant_is_the_mean_label_of_the_source():
    source, test = numbers([[0, 0], [2, 4]]), numbers([[1, 2], [1, 5]])
    method = SimpleNamespace(predict=lambda samples: torch.zeros(len(samples), 2))

    def of(name):
        if name == "source_test":
            raise MetricUnavailableError("absent")
        return {"source": source, "target_test": test}[name]

    spec = SimpleNamespace(task=RegressionTask(2, "px"), sample=SimpleNamespace(kind="vector"))
    data = SimpleNamespace(spec=spec, method=method, domain=of, device=torch.device("cpu"))
    found = {(s.name, s.subject): s.value for s in PredictionError(PredictionError.Config()).measure(data)}
    assert found["prediction_error_px", "constant"] == pytest.approx(1.5), "from (1, 2)"
    assert found["prediction_error_px", "method"] == pytest.approx((5**0.5 + 26**0.5) / 2)
