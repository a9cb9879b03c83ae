"""Distances from twins, of refiners whose result is known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ganzoo_eyes import Eyes, EyesConfig
from ganzoo_gaze import ganzoo_metrics
from ganzoo_gaze import twin as module
from ganzoo_gaze.twin import TwinDistance, TwinDistanceConfig

from ganzoo.errors import MetricUnavailableError
from ganzoo.task import GazeTask

SIZES = {"source_size": 8, "source_test_size": 24, "target_size": 30, "target_test_size": 20, "source_people": 6}


class Data:
    """An evaluation whose refiner is a function of the source test, and whose features are halves of the pixels."""

    def __init__(self, dataset, refine):
        self.dataset, self.refine = dataset, refine
        self.spec, self.device = dataset.spec(), torch.device("cpu")

    def domain(self, name):
        return getattr(self.dataset, name)()

    sampled = domain

    def refined(self, name):
        rows = self.domain(name)
        return replace(rows, samples=np.asarray(self.refine(rows)))

    def extractor(self, name):
        if name != "halves":
            raise MetricUnavailableError(f"there is no extractor {name!r}")
        return SimpleNamespace(card={"weights_sha256": "none"})

    def features(self, name, images, *, keep=False):
        self.extractor(name)
        return images.images.reshape(len(images), -1) / 2.0


@pytest.fixture(scope="module")
def dataset():
    return Eyes(EyesConfig(**SIZES))


@pytest.fixture(autouse=True)
def judge(monkeypatch):
    """Reads gaze from two pixels; remembers what it was trained on."""
    trained = []

    def train(data, source, settings):
        trained.append((source.name, source.labels is not None))
        return "judge"

    def predict(data, network, images):
        return torch.from_numpy(np.asarray(images)[:, 0, 10, 20:22].astype(np.float32)) / 500

    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "predict", predict)
    return trained


def scores(dataset, refine, **settings):
    found = TwinDistance(TwinDistanceConfig(extractors=("halves",), **settings)).measure(Data(dataset, refine))
    return {(score.name, score.subject): score for score in found}


NAMES = ("twin_distance[pixels]", "twin_distance[halves]", "twin_label_drift_deg")


def test_a_refiner_that_draws_the_twin_has_distance_zero(dataset):
    found = scores(dataset, lambda rows: rows.extra["twin"])
    assert [found[name, "method"].value for name in NAMES] == pytest.approx([0, 0, 0], abs=1e-5)
    assert all(found[name, subject].value > 0 for name in NAMES for subject in ("unrefined", "other-twin"))


def test_a_refiner_that_changes_nothing_is_the_identity(dataset):
    found = scores(dataset, lambda rows: rows.images)
    assert all(found[name, "method"].value == found[name, "unrefined"].value for name in NAMES)


def test_distances_are_the_mean_over_images_of_what_their_names_say(dataset):
    found = scores(dataset, lambda rows: rows.images)
    rows = dataset.source_test()
    apart = rows.images.astype(float) - rows.extra["twin"]
    assert found["twin_distance[pixels]", "method"].value == pytest.approx(
        np.mean([np.sqrt((each**2).mean()) for each in apart]), rel=1e-5
    )
    assert found["twin_distance[halves]", "method"].value == pytest.approx(
        np.mean([np.linalg.norm(each) / 2 for each in apart]), rel=1e-5
    )


def test_the_other_twin_shows_another_person(dataset):
    groups = dataset.source_test().groups
    assert (groups != np.roll(groups, -1)).all()
    found = scores(dataset, lambda rows: np.roll(rows.extra["twin"], -1, 0))
    assert all(found[name, "method"].value == found[name, "other-twin"].value for name in NAMES)


def test_the_judge_learns_from_the_labelled_target(dataset, judge):
    card = scores(dataset, lambda rows: rows.images)["twin_label_drift_deg", "method"].card
    assert judge == [("target", True)]
    assert {*card["judge_error_deg"]} == {"target_test", "twins", "twins_without_its_mean_error"}


def test_a_constant_error_of_the_judge_cancels(dataset, monkeypatch):
    refine = lambda rows: rows.images  # noqa: E731
    before = scores(dataset, refine)["twin_label_drift_deg", "method"]
    honest = module.predict
    monkeypatch.setattr(module, "predict", lambda *given: honest(*given) + torch.tensor([0.0, 0.1]))
    after = scores(dataset, refine)["twin_label_drift_deg", "method"]
    assert after.value == pytest.approx(before.value, abs=1e-3), "a turn about the vertical axis"
    name = "twins_without_its_mean_error"
    assert after.card["judge_error_deg"][name] == pytest.approx(before.card["judge_error_deg"][name], abs=1e-3)


class Without(Data):
    def sampled(self, name):
        return replace(super().domain(name), extra={})


def test_a_dataset_without_twins_is_refused_in_one_sentence(dataset):
    with pytest.raises(MetricUnavailableError, match="have no column 'twin'; the dataset eyes has"):
        TwinDistance(TwinDistanceConfig()).measure(Without(dataset, lambda rows: rows.images))


def test_an_extractor_that_is_absent_leaves_the_other_scores(dataset):
    found = TwinDistance(TwinDistanceConfig(extractors=("absent",))).measure(Data(dataset, lambda rows: rows.images))
    missing = [score for score in found if score.value is None]
    assert [score.name for score in missing] == ["twin_distance[absent]"]
    assert len(found) == 7


def test_it_is_measured_only_on_request():
    assert TwinDistance in ganzoo_metrics()
    assert not TwinDistance.by_default
    assert isinstance(Eyes(EyesConfig(**SIZES)).task, GazeTask)
