"""Draws the trials of a rater: which images, in which order, on which side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.turing.design import Design, Numbers
from ganzoo.turing.key import NULL, RAW, REAL, Shown, Trial
from ganzoo.turing.seal import derived, noise

Kind = tuple[int, str, str, str]  # block, stage, source, truth of a single image (of a pair: "")


class Draw:
    """Everything that is random about the trials, as a function of the study's secret.

    `rows` are those of each pool that trials may show, `groups` the persons of all rows of a pool, `blocks` the number
    of trials of each source.
    """

    def __init__(
        self,
        secret: str,
        design: Design,
        numbers: Numbers,
        blocks: Mapping[str, int],
        rows: Mapping[str, np.ndarray],
        groups: Mapping[str, np.ndarray | None],
    ) -> None:
        self.secret, self.numbers, self.blocks, self.groups = secret, numbers, blocks, groups
        self.paired = design.protocol == "pairs"
        self.practised = [name for name in blocks if name not in (NULL, RAW)]
        self.practice, self.rows = {}, {}
        each = numbers.practice if self.paired else -(-numbers.practice // 2)
        for name, free in rows.items():
            order = noise(secret, "practice", name).permutation(free)
            count = each if name in (REAL, *self.practised) else 0
            self.practice[name], self.rows[name] = order[:count], order[count:]  # practice images occur only there
        self._check()

    def _check(self) -> None:
        """Raise UsageError if a pool has too few images for one rater."""
        needs = dict.fromkeys(self.rows, 0)
        for name, count in self.blocks.items():
            needs[REAL] += count if self.paired else count // 2
            needs[REAL if name == NULL else name] += count if self.paired else count - count // 2
        if self.numbers.catch:
            needs[RAW] += self.numbers.catch
            needs[REAL] += self.numbers.catch if self.paired else 0
        for name, need in needs.items():
            if len(self.rows[name]) < need:
                raise UsageError(
                    f"a rater needs {need} {name} images besides those of practice, but {len(self.rows[name])} are "
                    "left; give more images or a smaller --trials, or --no-twin, which keeps none for the classifiers"
                )

    def trials(self, rater: int) -> list[Trial]:
        """All trials of one rater: practice, then the blocks of the sources in random order, with catch trials."""
        random = noise(self.secret, "rater", rater)
        order = [str(name) for name in random.permutation(list(self.blocks))]
        kinds = [kind for block, name in enumerate(order, 1) for kind in self._block(random, block, name)]
        for _ in range(self.numbers.catch):
            at = int(random.integers(1, len(kinds) + 1))
            kinds.insert(at, (kinds[at - 1][0], "catch", RAW, "generated"))
        trials = [
            *self._shown(random, self._practice_kinds(random), self.practice),
            *self._shown(random, kinds, self.rows),
        ]
        ids = [derived(self.secret, "id", rater, place)[:12] for place in range(len(trials))]
        return [trial.model_copy(update={"id": name}) for trial, name in zip(trials, ids, strict=True)]

    def null_trials(self, count: int) -> list[Trial]:
        """Trials with real images on both sides, as `trials` draws them for the source `null`."""
        random = noise(self.secret, "null")
        return self._shown(random, self._block(random, 0, NULL, count), self.rows)

    def _block(self, random: np.random.Generator, block: int, name: str, count: int | None = None) -> list[Kind]:
        """A balanced random order, drawn before any image is chosen: no image can give its neighbours away."""
        count = self.blocks[name] if count is None else count
        truths = ["real"] * (count // 2) + ["generated"] * (count - count // 2)
        return [(block, "test", name, truths[place]) for place in random.permutation(count)]

    def _practice_kinds(self, random: np.random.Generator) -> list[Kind]:
        count = self.numbers.practice
        truths = ["real"] * (count // 2) + ["generated"] * (count - count // 2)
        order = random.permutation(count)
        return [
            (0, "practice", self.practised[turn % len(self.practised)], truths[place])
            for turn, place in enumerate(order)
        ]

    def _shown(self, random: np.random.Generator, kinds: Sequence[Kind], rows: Mapping[str, np.ndarray]) -> list[Trial]:
        """Trials of these kinds. No row is shown twice."""
        drawn = {name: iter(spaced(random.permutation(free), self.groups[name])) for name, free in rows.items()}
        sides = random.permutation(len(kinds)) % 2  # left and right equally often
        trials = []
        for (block, stage, source, truth), side in zip(kinds, sides, strict=True):
            other = REAL if source == NULL else source
            if self.paired:
                images = [_next(drawn, REAL), _next(drawn, other)]
                truth, images = ("left", images) if side else ("right", images[::-1])
            else:
                images = [_next(drawn, REAL if truth == "real" else other)]
            document = {"id": "", "stage": stage, "block": block, "source": source, "truth": truth}
            trials.append(Trial.model_validate({**document, "images": images}))
        return trials


def spaced(rows: np.ndarray, groups: np.ndarray | None) -> list[int]:
    """The rows in about the same order, such that neighbours are of different persons as far as these are known."""
    left = [int(row) for row in rows]
    if groups is None:
        return left
    found: list[int] = []
    while left:
        fits = (place for place, row in enumerate(left[:32]) if not found or groups[row] != groups[found[-1]])
        found.append(left.pop(next(fits, 0)))
    return found


def _next(drawn: Mapping[str, object], pool: str) -> Shown:
    return Shown(pool=pool, row=next(drawn[pool]))  # type: ignore[call-overload]
