"""The k-NN manifold of a set of features: around each row a ball that reaches to its k-th nearest neighbour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK = 2**22  # distances at once: 32 MiB, for any number of rows
SLACK = 1e-10  # of the squared lengths of two rows: squared distances that differ by less are equal


@dataclass(frozen=True)
class Balls:
    """A ball around each row of features [N, D], and what deleting a row does to the balls of the others.

    Distances are squared, and ties count as inside.
    """

    centres: np.ndarray  # [N, D]
    reach: np.ndarray  # [N]: to the k-th nearest of the other rows
    next_reach: np.ndarray  # [N]: to the next one, the radius if one of the k is deleted
    neighbours: np.ndarray  # int64 [N, k]: the rows of the k nearest

    @classmethod
    def around(cls, rows: np.ndarray, k: int) -> Balls:
        """Balls of `rows` [N, D]. There must be k + 2 rows at least."""
        nearest, distances = [], []
        for start, block in squared_distances(rows, rows):
            own = np.arange(len(block))
            block[own, start + own] = np.inf  # a row is not its own neighbour
            found = np.argpartition(block, k, axis=1)[:, : k + 1]
            found = np.take_along_axis(found, np.take_along_axis(block, found, 1).argsort(1), 1)
            nearest.append(found[:, :k])
            distances.append(np.take_along_axis(block, found[:, k - 1 :], 1))
        reach = np.concatenate(distances)
        return cls(rows, reach[:, 0], reach[:, 1], np.concatenate(nearest))

    def __len__(self) -> int:
        return len(self.centres)

    def around_points(self, points: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For blocks of `points` [M, D]: the first row, which balls hold each point, and which do with the next radius.

        Both are bool [points of the block, N].
        """
        lengths = (self.centres**2).sum(1)
        for start, block in squared_distances(points, self.centres):
            slack = SLACK * (lengths + (points[start : start + len(block)] ** 2).sum(1, keepdims=True))
            block -= slack
            yield start, block <= self.reach, block <= self.next_reach


def squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Squared distances of rows [N, D] from rows [M, D], in blocks [some of N, M] with the number of the first row."""
    lengths_a, lengths_b = (a**2).sum(1, keepdims=True), (b**2).sum(1)
    step = max(1, BLOCK // len(b))
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        block = a[rows] @ b.T
        block *= -2
        block += lengths_a[rows]
        block += lengths_b
        yield start, np.maximum(block, 0, out=block)
