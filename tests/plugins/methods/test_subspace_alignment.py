"""Facts of Fernando et al. 2013, against closed forms and a search by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_adaptation.subspace_alignment import (
    SubspaceAlignment,
    SubspaceAlignmentConfig,
    aligned,
    principal_axes,
)
from pydantic import ValidationError

from ganzoo.batch import Column, DataSpec
from ganzoo.dataset import Domain
from ganzoo.errors import ConfigError
from ganzoo.runs.suitability import reason_to_decline
from ganzoo.task import ClassTask, NoTask, RegressionTask
from ganzoo.training.build import build_method

VECTOR = Column((12,), "vector")
RNG = np.random.default_rng(0)


def spec(task):
    label = {} if isinstance(task, NoTask) else {"source_label": Column((task.label_size,), "vector")}
    return DataSpec({"source": VECTOR, "target": VECTOR, **label}, task)


def samples(count):
    """Points whose spread differs clearly between directions."""
    return (RNG.normal(size=(count, 12)) * np.linspace(3, 0.3, 12)) @ np.linalg.qr(RNG.normal(size=(12, 12)))[0]


def domain(values, labels=None):
    values = values.astype(np.float32)
    return Domain("toy", values, None if labels is None else labels.astype(np.float32).reshape(len(values), -1))


def fitted(source, labels, target, task=None, **settings):
    method = build_method(
        SubspaceAlignment, SubspaceAlignmentConfig(**settings), spec(task or ClassTask(4)), seed=0,
        device=torch.device("cpu"),
    )  # fmt: skip
    method.finish(domain(source, labels), domain(target))
    return method.eval()


def test_principal_axes_are_those_of_the_covariance():
    values = torch.from_numpy(samples(50))
    axes = principal_axes(values, 5)
    _, vectors = np.linalg.eigh(np.cov(values.numpy().T))
    assert torch.allclose(axes.T @ axes, torch.eye(5, dtype=torch.float64))
    assert np.allclose(np.abs(axes.numpy().T @ vectors[:, ::-1][:, :5]), np.eye(5), atol=1e-6)


def test_between_equal_domains_the_alignment_is_the_identity():
    axes = principal_axes(torch.from_numpy(samples(50)), 5)
    assert torch.allclose(axes.T @ axes, torch.eye(5, dtype=torch.float64)), "M = Xs' Xt with Xs = Xt"
    assert torch.allclose(aligned(axes, axes), axes)


def test_bases_of_one_subspace_are_aligned_exactly():
    values = torch.from_numpy(samples(50))
    axes = principal_axes(values, 5)
    rotation = torch.linalg.qr(torch.from_numpy(RNG.normal(size=(5, 5))))[0]
    rotated = axes @ rotation
    assert torch.allclose(values @ aligned(axes, rotated), values @ rotated)
    assert not torch.allclose(values @ axes, values @ rotated)


def test_axes_beyond_the_rank_are_zero_and_change_no_distance():
    values = torch.from_numpy(samples(4))
    axes = principal_axes(values, 8)
    assert (axes[:, 3:] == 0).all(), "four centred points have rank 3"
    centred = values - values.mean(0)
    assert torch.allclose(torch.cdist(centred @ axes, centred @ axes), torch.cdist(values, values))


@pytest.mark.parametrize("alignment", [True, False])
def test_predictions_are_those_of_the_published_formula_and_a_search_by_hand(alignment):
    source, target, labels = samples(30), samples(40) + 2, RNG.integers(0, 4, 30)
    method = fitted(source, labels, target, dimensions=5, alignment=alignment)
    source, target = ((x - x.mean(0)) / x.std(0) for x in (source.astype(np.float32), target.astype(np.float32)))
    axes = [np.linalg.svd(x, full_matrices=False)[2][:5].T for x in (source, target)]
    mapped, queries = (source @ axes[0] @ axes[0].T @ axes[1], target @ axes[1]) if alignment else (source, target)
    nearest = ((queries[:, None] - mapped[None]) ** 2).sum(2).argmin(1)
    raw = torch.from_numpy(target * 1)  # standardised; the method gets the original ones
    given = raw * method.deviation + method.mean
    assert (method.predict(given)[:, 0].numpy() == labels[nearest]).all()


def test_a_shift_and_a_scale_of_each_feature_are_undone():
    source, labels = samples(40), RNG.integers(0, 4, 40)
    scale, shift = RNG.uniform(0.5, 5, 12), RNG.normal(0, 10, 12)
    method = fitted(source, labels, source * scale + shift, dimensions=12)
    moved = torch.from_numpy((source * scale + shift).astype(np.float32))
    assert (method.predict(moved)[:, 0].numpy() == labels).all(), "each finds itself"
    plain = fitted(source, labels, source * scale + shift, dimensions=12, standardise="none")
    assert (plain.predict(moved)[:, 0].numpy() == labels).mean() < 0.6


def test_the_most_frequent_class_wins_and_the_nearest_decides_ties():
    source = np.zeros((5, 12)) + np.array([1.0, 2, 3, 4, 50])[:, None]
    labels = np.array([2, 1, 1, 3, 3])
    zero = torch.zeros(1, 12)
    given = {"alignment": False, "standardise": "none"}
    assert [int(fitted(source, labels, source, neighbours=k, **given).predict(zero)) for k in (1, 2, 3, 5)] == [
        2,
        2,
        1,
        1,
    ]


def test_numbers_are_the_mean_of_the_neighbours():
    source = np.zeros((4, 12)) + np.array([1.0, 2, 30, 40])[:, None]
    labels = np.array([[1.0, 10], [3, 30], [100, 0], [100, 0]])
    method = fitted(
        source, labels, source, RegressionTask(2, "px"), neighbours=2, alignment=False, standardise="none"
    )  # fmt: skip
    assert method.predict(torch.zeros(1, 12)).tolist() == [[2.0, 20.0]]


def test_memory_keeps_that_many_evenly_spaced_samples():
    method = fitted(samples(100), RNG.integers(0, 4, 100), samples(20), memory=10)
    assert method.stored.shape == (10, 80)
    assert int(method.filled) == 10
    assert (fitted(samples(6), np.arange(6) % 4, samples(20), memory=10).stored[6:] == 0).all()


def test_more_neighbours_than_samples_are_refused():
    with pytest.raises(ConfigError, match="--neighbours 5: the source has only 4 samples"):
        fitted(samples(4), np.arange(4), samples(4), neighbours=5)
    with pytest.raises(ValidationError, match="memory 3 is less than neighbours 5"):
        SubspaceAlignmentConfig(memory=3, neighbours=5)


def test_data_without_labels_are_declined():
    assert "reads source labels" in reason_to_decline(SubspaceAlignment, SubspaceAlignmentConfig(), spec(NoTask()))
