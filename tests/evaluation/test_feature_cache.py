"""Features of reference images are computed once for all evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganzoo.cache import kept_array
from ganzoo.dataset import Domain
from ganzoo.evaluation.evaluate import SharedExtraction
from ganzoo.metric import DomainName, Extraction, Extractor
from ganzoo.testing import toy


class Mean(Extractor):
    """The mean and a third of it, as two features."""

    name = "mean"
    summary = "The mean grey level."
    weights = "1"
    calls = 0

    def __init__(self, data: Extraction) -> None: ...

    @property
    def card(self) -> Mapping[str, Any]:
        return {"weights_sha256": self.weights} if self.weights else {}

    def features(self, images: Tensor) -> Tensor:
        Mean.calls += 1
        return images.float().mean((1, 2, 3))[:, None] / torch.tensor([1.0, 3.0])


class Bare(SharedExtraction):
    def domain(self, name: DomainName) -> Domain:
        raise NotImplementedError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(Mean, "calls", 0)
    return tmp_path / "features"


def features(images: Domain, *, keep: bool = True) -> np.ndarray:
    """What a new evaluation gets."""
    data = Bare(toy.SPEC, torch.device("cpu"), seed=0, samples=8, extractors={"mean": Mean})
    return data.features("mean", images, keep=keep)


def test_a_second_evaluation_has_the_features_of_the_reference_to_the_bit(folder: Path) -> None:
    images = toy.domains()[0]
    first, second = features(images), features(images)
    assert Mean.calls == 1
    assert first.dtype == second.dtype == np.float64
    assert np.array_equal(first, second)


@pytest.mark.usefixtures("folder")
def test_other_images_or_other_weights_are_extracted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = toy.domains()
    assert not np.array_equal(features(source), features(target))
    monkeypatch.setattr(Mean, "weights", "2")
    features(source)
    assert Mean.calls == 3


def test_nothing_is_kept_unasked_nor_of_an_extractor_that_names_no_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(toy.domains()[0], keep=False)
    monkeypatch.setattr(Mean, "weights", "")
    features(toy.domains()[0])
    assert not folder.exists()


def test_a_damaged_file_is_made_anew(folder: Path) -> None:
    images = toy.domains()[0]
    first = features(images)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    assert kept_array(file) is None
    assert np.array_equal(features(images), first)
    assert kept_array(file) is not None
