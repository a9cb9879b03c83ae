"""Criteria against closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ganzoo_criteria.ambiguity import ambiguities
from ganzoo_criteria.density_ratio import density_ratio, effective_share
from ganzoo_criteria.equivariance import shifted
from ganzoo_criteria.neighbourhood import density

from ganzoo.criterion import OtherRun, Outputs
from ganzoo.discovery.registry import registry
from ganzoo.errors import CriterionUnavailableError
from ganzoo.task import ClassTask, GazeTask, RegressionTask, gaze_vector
from ganzoo.testing.criterion_checks import candidate

GAZE, CLASSES = GazeTask(), ClassTask(3)


def read(name, given, **settings):
    cls = registry().found["criteria"][name]
    return cls(cls.Config(**settings)).read(given)


def others_alike(given, **families):
    """Other runs that predict the same as the candidate."""
    return tuple(OtherRun(f"{f}{k}", f, given.target_predictions) for f, n in families.items() for k in range(n))


def test_the_ambiguity_is_what_an_ensemble_gains_in_squared_error():
    random = np.random.default_rng(0)
    labels = random.uniform(-0.5, 0.5, (200, 2)).astype(np.float32)
    networks = [(labels + random.normal(0, 0.2, labels.shape)).astype(np.float32) for _ in range(5)]
    truth = gaze_vector(torch.from_numpy(labels).double()).numpy()
    vectors = np.stack([gaze_vector(torch.from_numpy(each).double()).numpy() for each in networks])
    members = ((vectors - truth) ** 2).sum(-1).mean()
    ensemble = ((vectors.mean(0) - truth) ** 2).sum(-1).mean()
    assert members - ambiguities(GAZE, networks).mean() == pytest.approx(ensemble, abs=1e-9)


def test_the_consensus_of_identical_runs_is_at_distance_zero():
    given = candidate(GAZE)
    given = replace(given, others=others_alike(given, a=2, b=1))
    assert read("consensus-distance", given).value == pytest.approx(0, abs=1e-6)


def test_a_family_has_one_vote_in_the_consensus():
    given = candidate(RegressionTask(2, "mm"))
    near, far = given.target_predictions, given.target_predictions + np.float32(10)
    runs = [OtherRun(f"a{k}", "a", far) for k in range(9)] + [OtherRun("b", "b", near), OtherRun("d", "d", near)]
    assert read("consensus-distance", replace(given, others=tuple(runs))).value == pytest.approx(0, abs=1e-5)


def test_a_consensus_needs_two_other_families():
    given = candidate(GAZE)
    with pytest.raises(CriterionUnavailableError, match="runs of 2 other methods than c, and there are 1"):
        read("consensus-distance", replace(given, others=others_alike(given, a=3, c=2)))


def test_the_mean_label_distance_of_a_turned_source_is_the_angle():
    given = candidate(GAZE)
    labels = np.zeros((50, 2), np.float32)
    turned = labels + np.array([np.deg2rad(5), 0], np.float32)
    reading = read("mean-label-distance", replace(given, training_labels=labels, target_predictions=turned))
    assert reading.value == pytest.approx(5, abs=1e-4)
    assert reading.unit == "deg"


def test_the_mean_label_distance_of_classes_is_total_variation():
    given = candidate(CLASSES)
    labels = np.array([[0], [0], [1], [1]], np.float32)
    predictions = np.array([[0], [1], [1], [2]], np.float32)
    reading = read("mean-label-distance", replace(given, training_labels=labels, target_predictions=predictions))
    assert reading.value == pytest.approx(0.25)


def test_importance_weights_reproduce_the_risk_on_the_target():
    """Source N(0, 1), target N(.5, 1), loss x^2: the target's risk is 1.25, the source's 1."""
    random = np.random.default_rng(0)
    source, target = random.normal(0, 1, (20_000, 1)), random.normal(0.5, 1, (20_000, 1))
    weights = density_ratio(source, target, penalty=1.0)
    risk = float((weights * source[:, 0] ** 2).sum() / weights.sum())
    assert risk == pytest.approx(1.25, rel=0.05)
    exact = np.exp(0.5 * source[:, 0] - 0.125)  # the ratio of the two densities
    assert np.median(np.abs(weights / exact - 1)) < 0.05
    assert effective_share(weights) == pytest.approx(np.exp(-0.25), abs=0.03)  # 1 / E[w^2]


def test_the_weights_of_equal_domains_give_the_source_risk():
    given = candidate(GAZE)
    given = replace(given, target_images=given.source_images, target_predictions=given.source_predictions)
    assert read("weighted-source-risk", given).value == pytest.approx(read("source-risk", given).value, rel=1e-3)


def test_domains_that_do_not_overlap_have_no_weighted_risk():
    given = candidate(RegressionTask(2, "mm"))
    random = np.random.default_rng(0)
    source = random.normal(0, 1, (400, 2)).astype(np.float32)
    few = np.concatenate([random.normal(50, 1, (400, 2)), source[:1]]).astype(np.float32)
    source[1] = 49  # the only one that looks like the target
    given = replace(given, source_predictions=source, source_labels=source, target_predictions=few)
    with pytest.raises(CriterionUnavailableError, match=r"effective sample size is 0\.\d% of 400, and less than 5%"):
        read("weighted-source-risk", given, space="predictions", penalty=1e-3, largest=1e6)


def test_a_network_that_follows_flips_and_ignores_shifts_is_equivariant():
    given = candidate(GAZE)

    def predict(images):
        """The yaw is the difference in brightness of the halves, away from the border."""
        left, right = images[..., :, 4:30].mean((1, 2, 3)), images[..., :, 30:56].mean((1, 2, 3))
        return np.stack([np.zeros(len(images)), (left - right) / 100], 1).astype(np.float32)

    flipped = read("equivariance", replace(given, predict=predict, target_predictions=predict(given.target_images)))
    assert flipped.facts["flip"] == pytest.approx(0, abs=1e-4)
    assert flipped.facts["shift"] > 0
    biased = replace(
        given,
        predict=lambda images: predict(images) + np.array([0, 0.1], np.float32),
        target_predictions=predict(given.target_images) + np.array([0, 0.1], np.float32),
    )
    assert read("equivariance", biased).facts["flip"] == pytest.approx(np.rad2deg(0.2), abs=0.01)


def test_equivariance_refuses_a_constant():
    given = replace(candidate(GAZE), target_predictions=np.zeros((24, 2), np.float32))
    with pytest.raises(CriterionUnavailableError, match="collapsed"):
        read("equivariance", given)


def test_images_are_shifted_by_whole_pixels():
    images = np.arange(2 * 1 * 5 * 6, dtype=np.uint8).reshape(2, 1, 5, 6)
    moved = shifted(images, 1, -2)
    np.testing.assert_array_equal(moved[..., 1:, :-2], images[..., :-1, 2:])
    np.testing.assert_array_equal(moved[..., 0, :-2], images[..., 0, 2:])  # the border is repeated


def test_a_constant_has_the_highest_density_of_neighbours_and_is_refused():
    rows = np.tile([0.2, 0.3, 0.5], (40, 1))
    assert density(rows, 0.05) == pytest.approx(np.log(39), abs=1e-9)
    given = candidate(CLASSES)
    outputs = Outputs(np.tile(np.float32([0, 0, 5]), (24, 1)), np.zeros((24, 4), np.float32))
    same = replace(given, target_predictions=np.full((24, 1), 2, np.float32), outputs=lambda images: outputs)
    for name in ("soft-neighbourhood-density", "entropy"):
        with pytest.raises(CriterionUnavailableError, match=r"collapsed: they use 1\.0 classes where the source has"):
            read(name, same)


def test_the_density_of_clusters_is_the_logarithm_of_their_neighbours():
    rows = np.repeat(np.eye(4), 10, axis=0)
    assert density(rows, 0.05) == pytest.approx(np.log(9), abs=1e-6)  # e^-20 of the weight is elsewhere


def test_the_entropy_of_undecided_answers_is_the_logarithm_of_the_classes():
    given = candidate(CLASSES)
    flat = Outputs(np.zeros((24, 3), np.float32), np.zeros((24, 4), np.float32))
    predictions = np.float32(np.arange(24) % 3)[:, None]
    reading = read("entropy", replace(given, outputs=lambda images: flat, target_predictions=predictions))
    assert reading.value == pytest.approx(np.log(3))


def of_equal_domains(task, change):
    """A candidate on vectors of the same distribution in both domains; its predictions are `change` of the labels."""
    random = np.random.default_rng(0)
    mix = random.normal(size=(4, 2)).astype(np.float32) / 4
    source, target = (random.normal(size=(400, 4)).astype(np.float32) for _ in range(2))
    given = {"source_images": source, "source_labels": source @ mix, "training_labels": source @ mix}
    made = {"source_predictions": source @ mix, "target_images": target, "target_predictions": change(target @ mix)}
    return replace(candidate(task), **given, **made)


def test_reverse_validation_of_equal_domains_is_the_error_of_the_predictions():
    task = RegressionTask(2, "mm")
    right = read("reverse-validation", of_equal_domains(task, lambda labels: labels), steps=400)
    shifted_by = np.array([3, 4], np.float32)
    wrong = read("reverse-validation", of_equal_domains(task, lambda labels: labels + shifted_by), steps=400)
    assert right.unit == "mm"
    assert right.value < 0.15
    assert wrong.value == pytest.approx(5, abs=0.3)


def test_reverse_validation_of_a_constant_is_the_spread_of_the_source():
    given = of_equal_domains(RegressionTask(2, "mm"), np.zeros_like)
    spread = np.linalg.norm(given.source_labels, axis=1).mean()
    assert read("reverse-validation", given, steps=400).value == pytest.approx(spread, rel=0.1)


def test_reverse_validation_is_a_function_of_its_seed_and_leaves_the_generator_alone():
    given = of_equal_domains(RegressionTask(2, "mm"), lambda labels: labels)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = read("reverse-validation", given, steps=5)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    assert read("reverse-validation", given, steps=5) == first
    assert read("reverse-validation", given, steps=5, seed=1) != first
