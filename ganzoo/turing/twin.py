"""The automatic twin: classifiers, trained on other images, judge those of the raters (Lopez-Paz and Oquab 2017)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ganzoo.errors import MetricUnavailableError, UsageError
from ganzoo.nn.two_sample import CLASSIFIERS, halves, independent_units, judge
from ganzoo.turing.key import NULL, REAL, Judgement, Trial
from ganzoo.turing.pools import Pool
from ganzoo.turing.seal import noise

MOST = 1024  # images of each kind to learn from

Halves = tuple[np.ndarray, np.ndarray]  # rows for trials, rows to learn from


def halves_of(pool: Pool, secret: str, near: float) -> Halves:
    """Rows for the trials and for the classifiers. People, and real images with a root mean square difference below
    `near` grey levels, are in one half.

    Raises UsageError if that is impossible.
    """
    units = independent_units(pool.images, pool.groups, near if pool.name == REAL else 0)
    try:
        return halves(units, noise(secret, "halves", pool.name))
    except MetricUnavailableError as error:
        raise UsageError(
            f"the {len(pool)} {pool.name} images cannot be divided between raters and classifiers: {error}; give other "
            "images, a smaller --near, or --no-twin"
        ) from error


def judged(
    pools: Mapping[str, Pool], learn: Mapping[str, np.ndarray], trials: Iterable[Trial], secret: str
) -> list[Judgement]:
    """The scores of all classifiers for the images of `trials`, source by source.

    The null check learns to tell two random halves of real images apart, which cannot be done on others.
    """
    shown: dict[str, set[tuple[str, int]]] = {}
    for trial in trials:
        if trial.stage == "test":
            shown.setdefault(trial.source, set()).update((image.pool, image.row) for image in trial.images)
    found = []
    for source, images in shown.items():
        new = sorted(images)
        real = _features(pools[REAL], learn[REAL])
        if source == NULL:
            order = noise(secret, "twin").permutation(len(real))
            first, second = real[order[0::2][: len(real) // 2]], real[order[1::2]]
        else:
            first, second = real, _features(pools[source], learn[source])
        most = min(len(first), len(second), MOST)
        features = np.concatenate([_features(pools[pool], np.array([row])) for pool, row in new])
        for name, classifier in CLASSIFIERS.items():
            scores = judge(first[:most], second[:most], features, classifier)
            held = {f"{pool}:{row}": float(score) for (pool, row), score in zip(new, scores, strict=True)}
            found.append(Judgement(source=source, classifier=name, trained_on=2 * most, scores=held))
    return found


def _features(pool: Pool, rows: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1], float64 [N, D]."""
    return pool.images[rows].reshape(len(rows), -1) / 255.0
