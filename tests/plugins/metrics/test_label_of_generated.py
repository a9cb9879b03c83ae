"""`label-of-generated` and the downstream metrics on generators whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_gaze.downstream import DownstreamGazeError
from ganzoo_gaze.training import GazeTraining
from ganzoo_scores.downstream_classes import DownstreamClassAccuracy
from ganzoo_scores.label_of_generated import LabelOfGenerated, LabelOfGeneratedConfig, score_of

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import Registry, registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation, applies
from ganzoo.method import Method
from ganzoo.settings import Settings
from ganzoo.task import ClassTask, GazeTask

SHORT = LabelOfGeneratedConfig(steps=150, batch_size=32)


class Points(Dataset):
    """Gaussians at four corners; the class is the corner."""

    name, summary, homepage, license, Config = "points", "", "", "", Settings
    task = ClassTask(4)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], np.float32)

    def __init__(self) -> None:
        super().__init__(Settings())

    def part(self, seed: int, labels: bool = True) -> Domain:
        random = np.random.default_rng(seed)
        classes = random.integers(4, size=400)
        samples = self.corners[classes] + random.normal(0, 0.1, (400, 2)).astype(np.float32)
        return Domain("points", samples, classes[:, None].astype(np.float32) if labels else None)

    def source(self) -> Domain:
        return self.part(0)

    def source_test(self) -> Domain:
        return self.part(1)

    def target(self) -> Domain:
        return self.part(2)

    def target_test(self) -> Domain:
        return self.part(3)


class Corners(Method):
    """Generates the corner of each label, or of class 0 for all."""

    name, summary, paper, Config = "corners", "", "", Settings
    reads = ("source", "source_label")

    def __init__(self, dataset: Dataset, obeys: bool) -> None:
        super().__init__(Settings(), dataset.spec())
        self.obeys = obeys

    def phases(self):
        return {}

    def generate_labelled(self, labels):
        corners = torch.from_numpy(Points.corners)
        return corners[labels[:, 0].long()] if self.obeys else corners[:1].expand(len(labels), -1)


class Replay(Method):
    """Generates the source images themselves, row by row."""

    name, summary, paper, Config = "replay", "", "", Settings

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(Settings(), dataset.spec())
        source = dataset.source()
        assert source is not None
        self.rows = {label.tobytes(): image for label, image in zip(source.labels, source.images, strict=True)}

    def phases(self):
        return {}

    def generate_labelled(self, labels):
        found = np.stack([self.rows[label.tobytes()] for label in labels.numpy()])
        return torch.from_numpy(found).float() / 127.5 - 1


def evaluation(method: Method, dataset: Dataset) -> TrainedEvaluation:
    return TrainedEvaluation(
        method, dataset, seed=0, samples=50, extractors={}, precision="fp32",
        capabilities=registry().found["capabilities"],
    )  # fmt: skip


def by_subject(scores, name):
    """The scores of that name, and the control of permuted labels under "permuted"."""
    control = name.replace("generated", "permuted")
    return {
        score.subject if score.name == name else "permuted": score for score in scores if score.name in (name, control)
    }


@pytest.fixture
def toy(toys: Registry) -> Dataset:
    cls = toys.get("datasets", "toy")
    return cls(cls.Config())


def test_a_generator_that_obeys_labels_is_read_right_and_the_permuted_ones_are_right_by_chance():
    points = Points()
    found = by_subject(LabelOfGenerated(SHORT).measure(evaluation(Corners(points, True), points)),
                       "generated_label_accuracy")  # fmt: skip
    assert found["method"].value == 1
    assert found["real"].value > 0.97
    assert found["permuted"].value == pytest.approx(0.25, abs=0.08)
    assert (found["permuted"].subject, found["permuted"].better) == ("method", "")
    assert found["method"].better == "higher"
    assert found["method"].card["labels_of"] == "source_test"


def test_a_generator_that_ignores_labels_is_no_better_than_its_permuted_labels():
    points = Points()
    found = by_subject(LabelOfGenerated(SHORT).measure(evaluation(Corners(points, False), points)),
                       "generated_label_accuracy")  # fmt: skip
    assert found["method"].value == pytest.approx(found["permuted"].value, abs=0.01)
    assert found["method"].value < 0.4


def test_errors_of_gaze_are_in_degrees_and_lower_is_better():
    score = score_of(GazeTask(), "method", np.array([1.0, 3.0]), None, {})
    assert (score.name, score.value, score.unit, score.better) == ("generated_label_error_deg", 2.0, "deg", "lower")


def test_a_domain_without_labels_cannot_be_measured(monkeypatch: pytest.MonkeyPatch):
    points = Points()
    data = evaluation(Corners(points, True), points)
    monkeypatch.setattr(points, "source", lambda: points.part(0, labels=False))
    with pytest.raises(MetricUnavailableError, match="no labels"):
        LabelOfGenerated(SHORT).measure(data)


def test_training_on_a_generator_that_repeats_the_source_is_training_on_the_source(toy: Dataset):
    data = evaluation(Replay(toy), toy)
    metric = DownstreamGazeError(GazeTraining(steps=3, batch_size=8))
    assert applies(metric, data)
    found = by_subject(metric.measure(data), "gaze_error_deg")
    assert found["method"].value == found["source-only"].value
    assert found["method"].value != found["constant"].value


def test_a_classifier_learns_the_target_from_a_generator_that_obeys_labels_and_nothing_from_one_that_does_not():
    points = Points()
    found = [
        by_subject(DownstreamClassAccuracy(SHORT).measure(evaluation(Corners(points, obeys), points)), name)
        for obeys, name in ((True, "downstream_accuracy"), (False, "downstream_mean_recall"))
    ]
    assert found[0]["method"].value > 0.95
    assert found[0]["source-only"].value > 0.95
    assert found[0]["constant"].value < 0.35
    assert found[1]["method"].value == pytest.approx(0.25, abs=0.05)
    assert found[1]["constant"].value == 0.25
