"""Predictors on vectors, and the accuracy of their classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ganzoo_adaptation.adabn import AdaBN
from ganzoo_adaptation.subspace_alignment import SubspaceAlignment
from ganzoo_baselines.constant import Constant
from ganzoo_scores.classes import ClassAccuracy
from torch import nn

from ganzoo.dataset import Dataset, Domain
from ganzoo.discovery.registry import registry
from ganzoo.evaluation.evaluate import TrainedEvaluation, applies
from ganzoo.settings import Settings
from ganzoo.task import ClassTask
from ganzoo.training.build import build_method

RNG = np.random.default_rng(0)


def domain(name, shift):
    labels = np.arange(60) % 3
    centers = np.eye(3, 8)[labels] * 5
    return Domain(
        name, (centers + RNG.normal(0, 0.3, (60, 8)) + shift).astype(np.float32), labels[:, None].astype("f4")
    )


class Vectors(Dataset):
    name, summary, homepage, license, Config = "vectors", "", "", "", Settings
    task = ClassTask(3)

    def source(self):
        return domain("source", 0)

    def target(self):
        return domain("target", 20).unlabelled()

    def target_test(self):
        return domain("target-test", 20)


def built(cls, **settings):
    data = Vectors(Settings())
    method = build_method(cls, cls.Config(**settings), data.spec(), seed=0, device=torch.device("cpu"))
    method.finish(data.source(), data.target())
    return method.eval()


def accuracies(method):
    data = TrainedEvaluation(
        method, Vectors(Settings()), seed=0, samples=50, extractors={}, capabilities=registry().found["capabilities"]
    )
    metric = ClassAccuracy(ClassAccuracy.Config())
    assert applies(metric, data)
    return {score.subject: score.value for score in metric.measure(data)}


def test_the_accuracy_of_vectors_is_measured():
    shifted = accuracies(built(SubspaceAlignment, dimensions=4))
    assert shifted == {"method": 1.0, "constant": pytest.approx(1 / 3)}, "each domain is centred"
    assert accuracies(built(Constant))["method"] == pytest.approx(1 / 3)


def test_adabn_takes_the_statistics_of_vectors():
    method = built(AdaBN, network="mlp")
    first, norm = (next(m for m in method.modules() if isinstance(m, kind)) for kind in (nn.Linear, nn.BatchNorm1d))
    with torch.no_grad():
        inputs = first(torch.from_numpy(domain("target", 20).samples))
    assert torch.allclose(norm.running_mean, inputs.mean(0), atol=0.2), "of the shifted target, another draw of it"
    assert norm.running_mean.abs().max() > 2
