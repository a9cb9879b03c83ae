"""The classifier two-sample test (Lopez-Paz and Oquab 2017): its null distribution, its power, and its halves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_scores.two_sample_test import (
    Result,
    TwoSampleConfig,
    TwoSampleTest,
    null_test,
    two_sample_test,
)

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.errors import MetricUnavailableError
from ganzoo.evaluation.evaluate import TrainedEvaluation
from ganzoo.method import Method
from ganzoo.nn.two_sample import CLASSIFIERS, halves, independent_units, linear, network
from ganzoo.settings import Settings
from ganzoo.training.build import build_method


def alone(count):
    return np.arange(count)


def shifted(shift, classifier, seed=0, count=100, size=3):
    random = np.random.default_rng(seed)
    made, real = random.normal(size=(count, size)) + shift, random.normal(size=(count, size))
    return two_sample_test(made, real, alone(count), alone(count), CLASSIFIERS[classifier])


@pytest.mark.parametrize("classifier", ["linear", "knn"])
def test_samples_of_one_source_have_accuracy_one_half_and_about_5_percent_rejections(classifier):
    """An exact test rejects at most 5 %; here at most 100 discrete answers leave 4 to 5 %. Of 400: 4 to 32."""
    results = [shifted(0.0, classifier, seed) for seed in range(400)]
    assert np.mean([result.accuracy for result in results]) == pytest.approx(0.5, abs=0.01)
    rejected = sum(result.p_value < 0.05 for result in results)
    assert 4 <= rejected <= 32


def test_the_intervals_cover_one_half_of_equal_sources():
    covered = sum(low <= 0.5 <= high for low, high in (shifted(0.0, "linear", seed).interval for seed in range(100)))
    assert covered >= 89


@pytest.mark.parametrize("classifier", list(CLASSIFIERS))
def test_a_shift_of_three_standard_deviations_is_always_recognised(classifier):
    result = shifted(3.0, classifier)
    assert result.accuracy > 0.97
    assert result.p_value < 1e-10


def test_the_network_and_the_neighbours_see_what_a_line_cannot():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 200)
    ring, middle = 3 * np.stack([np.cos(angle), np.sin(angle)], 1), random.normal(size=(200, 2)) * 0.5
    found = {name: two_sample_test(ring, middle, alone(200), alone(200), kind).accuracy
             for name, kind in CLASSIFIERS.items()}  # fmt: skip
    assert found["linear"] < 0.8
    assert found["knn"] > 0.97
    assert found["network"] > 0.97


def test_the_interval_and_the_p_value_are_exact():
    """Closed forms: all of n right, 0.025^(1/n) and 2^-n; and more than half of an odd number, 1/2."""
    low, high = Result(20, 20, 0).interval
    assert (low, high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert Result(20, 20, 0).p_value == pytest.approx(0.5**20)
    assert Result(8, 15, 0).p_value == pytest.approx(0.5)


def test_a_person_and_a_chain_of_near_duplicates_are_one_unit():
    images = np.zeros((6, 1, 4, 4), np.uint8)
    images[:, 0] = np.array([0, 10, 20, 120, 130, 240], np.uint8)[:, None, None]
    assert len(set(independent_units(images, None, 0))) == 6
    assert independent_units(images, None, 12).tolist() == [0, 0, 0, 1, 1, 2]
    people = independent_units(images, np.array([7, 7, 9, 9, 5, 5]), 0)
    assert people.tolist() == [0, 0, 1, 1, 2, 2]
    assert len(set(independent_units(images, np.array([7, 7, 9, 9, 5, 5]), 12))) == 1


def test_no_unit_is_in_both_halves_and_the_halves_are_about_equal():
    units = np.repeat(np.arange(20), 11)
    first, second = halves(units, np.random.default_rng(3))
    assert not {*units[first]} & {*units[second]}
    assert {*first, *second} == {*range(220)}
    assert abs(len(first) - len(second)) <= 11


def test_one_unit_of_everything_cannot_be_halved():
    with pytest.raises(MetricUnavailableError, match="near-duplicates in one half"):
        halves(np.zeros(500, int), np.random.default_rng(0))


def test_recognising_people_does_not_help():
    """Tight clusters: with their rows in both halves neighbours give them away, with clusters apart not."""
    random = np.random.default_rng(0)
    people = np.repeat(np.arange(40), 60)
    places = random.normal(size=(40, 8))[people] * 5 + random.normal(size=(2_400, 8)) * 0.01
    kind = people % 2 == 0
    _, numbers = np.unique(people[kind], return_inverse=True)
    apart = two_sample_test(places[kind], places[~kind], numbers, numbers, CLASSIFIERS["knn"])
    mixed = two_sample_test(places[kind], places[~kind], alone(1_200), alone(1_200), CLASSIFIERS["knn"])
    assert mixed.accuracy > 0.9
    assert apart.accuracy < 0.75


def test_the_null_is_one_half_even_among_people():
    people = np.repeat(np.arange(40), 20)
    places = np.random.default_rng(0).normal(size=(40, 8))[people]
    assert abs(null_test(places, people, CLASSIFIERS["knn"]).accuracy - 0.5) < 0.1


def test_the_network_leaves_random_states_as_they_are_and_repeats_itself():
    inputs, labels = np.random.default_rng(0).normal(size=(64, 3)), np.repeat([1.0, -1.0], 32)
    before = torch.get_rng_state()
    one, other = network(inputs, labels, inputs), network(inputs, labels, inputs)
    assert torch.equal(before, torch.get_rng_state())
    assert (one == other).all()


def test_with_more_features_than_rows_a_line_is_defined():
    random = np.random.default_rng(0)
    scores = linear(random.normal(size=(20, 300)), np.repeat([1.0, -1.0], 10), random.normal(size=(5, 300)))
    assert np.isfinite(scores).all()


IMAGES = np.random.default_rng(0).integers(0, 256, (200, 1, 8, 8), np.uint8)


class Noise(Method):
    """Generates pixels as those of the data, or darker ones."""

    name, summary, paper, reads = "noise", "Test.", "", ("target",)

    class Config(Settings):
        dark: float = 0.0

    def phases(self):
        return {}

    def generate(self, count):
        return (torch.rand(count, 1, 8, 8) * 2 - 1 - self.config.dark).clamp(-1, 1)


class Set(Dataset):
    name, summary, homepage, license, Config = "set", "Test.", "", "none", Settings

    def __init__(self):
        super().__init__(Settings())

    def target(self):
        return Domain("target", IMAGES)


def scores(dark, **settings):
    method = build_method(Noise, Noise.Config(dark=dark), Set().spec(), seed=0, device=torch.device("cpu"))
    data = TrainedEvaluation(method, Set(), seed=0, samples=200, extractors={},
                             capabilities=registry().found["capabilities"])  # fmt: skip
    settings = {"features": ("pixels",), "classifier": "linear", **settings}
    return {(score.name, score.subject): score for score in TwoSampleTest(TwoSampleConfig(**settings)).measure(data)}


def test_the_metric_tells_dark_images_and_no_others_from_real_ones():
    equal, dark = scores(0.0), scores(0.8)
    assert equal["two_sample_p[pixels]", "method"].value > 0.05
    assert dark["two_sample_accuracy[pixels]", "method"].value > 0.9
    assert dark["two_sample_accuracy[pixels]", "real"].value == equal["two_sample_accuracy[pixels]", "real"].value
    assert equal["two_sample_accuracy[pixels]", "method"].card["held_out"] == 200


def test_an_absent_extractor_is_a_reason_and_the_other_features_are_measured():
    found = scores(0.0, features=("pixels", "nothing"))
    assert found["two_sample_accuracy[nothing]", "method"].value is None
    assert found["two_sample_accuracy[pixels]", "method"].value is not None


class Points:
    """An evaluation of points: the method makes those of the target, or of a circle through it."""

    samples = 2_000

    def __init__(self, *, circle):
        random = np.random.default_rng(0)
        spread = random.normal(0, 1, (2, 2_000, 2)).astype(np.float32)
        self.real, made = spread
        self.generated = made / np.linalg.norm(made, axis=1, keepdims=True) if circle else made

    def domain(self, name):
        return Domain(name, self.real)

    def made(self):
        return Domain("generated", self.generated)


@pytest.mark.parametrize(("circle", "low", "high"), [(False, 0.45, 0.55), (True, 0.8, 1.0)])
def test_points_are_judged_by_their_numbers(circle, low, high):
    found = TwoSampleTest(TwoSampleConfig(classifier="knn")).measure(Points(circle=circle))
    value = {score.name: score.value for score in found if score.subject == "method"}
    assert low <= value["two_sample_accuracy[numbers]"] <= high
