"""Blocks of the classifier two-sample test (Lopez-Paz and Oquab 2017): classifiers of three strengths, and halves of a
set that share no person and no near-duplicate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import nn
from torch.nn import functional as F

from ganzoo.errors import MetricUnavailableError

SEED = 0  # of the network: the same for every run
FEWEST = 10  # rows of a kind in each half
BLOCK = 512  # rows of distances at once
HIDDEN, EPOCHS, BATCH = 20, 100, 64  # of the network: section 5 has 20 ReLU units and 100 epochs of Adam

Classifier = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # features, labels -1 or 1, new ones -> scores


def independent_units(images: np.ndarray, groups: np.ndarray | None, near: float) -> np.ndarray:
    """A number for each of uint8 images [N, C, H, W] or vectors [N, ...], the same for those that must be in one half.

    These are the images of one person, if there are several people, and chains of near-duplicates.
    """
    count = len(images)
    first, second = [np.arange(0)], [np.arange(0)]
    if groups is not None and len(np.unique(groups)) > 1:
        _, heads, inverse = np.unique(groups, return_index=True, return_inverse=True)
        first, second = [*first, np.arange(count)], [*second, heads[inverse]]
    if near:
        pixels = images.reshape(count, -1).astype(np.float32)
        square = (pixels**2).sum(1)
        for start in range(0, count, BLOCK):
            part = slice(start, start + BLOCK)
            distance = square[part, None] + square - 2 * pixels[part] @ pixels.T
            a, b = np.nonzero(distance < near**2 * pixels.shape[1])
            first, second = [*first, a + start], [*second, b]
    rows, columns = np.concatenate(first), np.concatenate(second)
    graph = csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    units: np.ndarray = connected_components(graph, directed=False)[1]
    return units


def halves(units: np.ndarray, noise: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of two halves of a set, about equal, in random order; no unit [N] is in both.

    Raises MetricUnavailableError if one unit is so large that a half has fewer than ten rows.
    """
    order = noise.permutation(units.max() + 1)
    sizes = np.bincount(units)[order]
    first = order[np.cumsum(sizes) - sizes / 2 <= len(units) / 2]
    inside = np.isin(units, first)
    found = tuple(noise.permutation(np.flatnonzero(part)) for part in (inside, ~inside))
    if min(map(len, found)) < FEWEST:
        raise MetricUnavailableError(
            f"it needs {FEWEST} images of each kind in each half at least, and people and near-duplicates in one half"
        )
    return found[0], found[1]


def judge(first: np.ndarray, second: np.ndarray, new: np.ndarray, classifier: Classifier) -> np.ndarray:
    """Scores [N] of features `new` [N, D]: positive if they look like `first` [A, D], negative if like `second` [B, D].

    All features are standardised by those that the classifier learns from.
    """
    inputs = np.concatenate([first, second])
    mean, deviation = inputs.mean(0), np.maximum(inputs.std(0), 1e-6)
    labels = np.repeat([1.0, -1.0], [len(first), len(second)])
    return classifier((inputs - mean) / deviation, labels, (new - mean) / deviation)


def linear(inputs: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Ridge regression on the labels, in its dual form: the kernel x . y / D with a penalty of 1."""
    size = inputs.shape[1]
    weights = np.linalg.solve(inputs @ inputs.T / size + np.eye(len(inputs)), labels)
    scores: np.ndarray = new @ (inputs.T @ weights) / size
    return scores


def nearest_neighbours(inputs: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The vote of the k nearest, k the root of their number (section 5), made odd so that there are no ties."""
    k = int(len(inputs) ** 0.5)
    k -= 1 - k % 2
    square = (inputs**2).sum(1)
    votes = []
    for start in range(0, len(new), BLOCK):
        distance = square - 2 * new[start : start + BLOCK] @ inputs.T
        votes.append(labels[np.argpartition(distance, k - 1, axis=1)[:, :k]].sum(1))
    return np.concatenate(votes)


def network(inputs: np.ndarray, labels: np.ndarray, new: np.ndarray) -> np.ndarray:
    """One hidden layer of 20 ReLU units, 100 epochs of Adam (section 5). Random states stay as they are."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.default_generator.manual_seed(SEED)
        x, y = torch.tensor(inputs, dtype=torch.float32), torch.tensor(labels, dtype=torch.float32)
        layers = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        optimizer = torch.optim.Adam(layers.parameters())
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH):
                optimizer.zero_grad()
                F.softplus(-y[rows] * layers(x[rows])[:, 0]).mean().backward()
                optimizer.step()
        with torch.no_grad():
            scores: np.ndarray = layers(torch.tensor(new, dtype=torch.float32))[:, 0].numpy()
    return scores


CLASSIFIERS: Mapping[str, Classifier] = {"linear": linear, "knn": nearest_neighbours, "network": network}
