"""Precision, recall, density and coverage of two sets of features, in float64.

Precision and recall are those of Kynkaanniemi et al. (2019, equations 1 and 2), density and coverage those of Naeem et
al. (2020, equations 3 and 4). Standard errors are from the jackknife, exactly: each row of either set is left out once,
and balls that lose a neighbour grow to the next one. By the inequality of Efron and Stein (1981) such a variance is, on
average, no smaller than that of the estimate, whether or not it is smooth. A bootstrap is not used: rows that it draws
twice have a neighbour at distance 0, so that all balls shrink.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ganzoo_fid.estimate import DistanceEstimate, Positive, Share, jackknife_error
from ganzoo_fid.knn_manifold import Balls


def precision_and_recall(fake: np.ndarray, real: np.ndarray, k: int) -> Mapping[str, DistanceEstimate]:
    """The share of `fake` [M, D] near `real` [N, D], and the reverse. Each set must have k + 2 rows at least."""
    fake, real = _centred(fake, real)
    return {
        "precision": share_inside(fake, Balls.around(real, k)),
        "recall": share_inside(real, Balls.around(fake, k)),
    }


def density_and_coverage(fake: np.ndarray, real: np.ndarray, k: int) -> Mapping[str, DistanceEstimate]:
    """How many of `fake` [M, D] each neighbourhood of `real` [N, D] contains, over k, and the share that contain any.

    `real` must have k + 2 rows at least, `fake` two.
    """
    fake, real = _centred(fake, real)
    balls = Balls.around(real, k)
    held, held_next = np.zeros(len(balls)), np.zeros(len(balls))  # fake rows in each ball
    any_of_them = np.zeros(len(balls), np.int64)  # one of those
    holding = np.zeros(len(fake))  # balls that each fake row is in
    for start, inside, inside_next in balls.around_points(fake):
        here = inside.any(0)
        any_of_them[here] = start + inside.argmax(0)[here]
        held += inside.sum(0)
        held_next += inside_next.sum(0)
        holding[start : start + len(inside)] = inside.sum(1)

    density = holding.mean() / k
    without_real = (_grown(held_next - held, balls) - held) / (k * len(fake))
    density_error = jackknife_error(holding / k, len(balls) * without_real)

    covered = held > 0
    coverage = covered.mean()
    left = (covered.sum() - covered + _grown((held_next > 0) & ~covered, balls)) / (len(balls) - 1)
    lost = np.bincount(any_of_them[held == 1], minlength=len(fake)) / len(balls)  # with the only fake row in a ball
    coverage_error = jackknife_error(len(balls) * (left - coverage), len(fake) * lost)
    return {
        "density": Positive(float(density), density_error, most=len(balls) / k)
        if density
        else DistanceEstimate(0.0, np.nan),
        "coverage": Share(float(coverage), coverage_error, count=len(balls)),
    }


def share_inside(points: np.ndarray, balls: Balls) -> Share:
    """The share of `points` [M, D] that lie in any of the balls, with its standard error."""
    inside_any = np.zeros(len(points), bool)
    changes = np.zeros(len(balls))  # points gained minus points lost without each of the balls' rows
    for start, inside, inside_next in balls.around_points(points):
        count = inside.sum(1)
        inside_any[start : start + len(inside)] = count > 0
        changes += _changes(inside, inside_next, count, balls.neighbours)
    error = jackknife_error(inside_any, len(balls) * changes / len(points))
    return Share(float(inside_any.mean()), error, count=len(points))


def _changes(inside: np.ndarray, inside_next: np.ndarray, count: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """For each row of the balls' set [N]: points that enter a ball without it, minus those that leave all balls.

    A point in two balls stays in one. A point in one ball is lost with its centre, unless another ball then grows to
    it; a point in none is gained if a ball grows to it.
    """
    few = np.flatnonzero(count <= 1)
    point, ball = np.nonzero(inside_next[few] & ~inside[few])
    pairs = few[point][:, None] * len(neighbours) + neighbours[ball]  # (point, row without which a ball grows to it)
    points, rows = np.divmod(np.unique(pairs), len(neighbours))
    single = np.flatnonzero(count == 1)
    centre = np.full(len(count), -1)
    centre[single] = inside[single].argmax(1)
    kept = np.zeros(len(count), bool)
    kept[points[centre[points] == rows]] = True
    won = np.bincount(rows[count[points] == 0], minlength=len(neighbours))
    lost = np.bincount(centre[single[~kept[single]]], minlength=len(neighbours))
    return won - lost


def _grown(gain: np.ndarray, balls: Balls) -> np.ndarray:
    """The gains [N] of the balls that grow without each of the rows, summed: [N]."""
    k = balls.neighbours.shape[1]
    return np.bincount(balls.neighbours.ravel(), np.repeat(gain.astype(float), k), minlength=len(balls))


def _centred(fake: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both centred on the real mean, where the products in the distances round least."""
    mean = real.mean(0)
    return fake - mean, real - mean
