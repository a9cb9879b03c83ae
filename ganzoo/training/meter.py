"""Means of loss terms between two lines of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ganzoo.system import dist


class Meter:
    """Means of loss terms, kept on the device until they are read."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, phase: str, terms: Mapping[str, Tensor]) -> None:
        for name, value in terms.items():
            key = f"{phase}/{name}"
            self._sums[key] = self._sums[key] + value if key in self._sums else value
            self._counts[key] = self._counts.get(key, 0) + 1

    def drain(self) -> dict[str, float]:
        """The means since the last call, over all processes. The only place where training waits for the device."""
        if not self._sums:
            return {}
        totals = torch.stack(list(self._sums.values())).tolist()
        means = {key: total / self._counts[key] for key, total in zip(self._sums, totals, strict=True)}
        self._sums.clear()
        self._counts.clear()
        return dist.average(means)

    def state(self) -> dict[str, tuple[float, int]]:
        """Sums and counts since the last `drain`, of this process: exact in JSON."""
        if not self._sums:
            return {}
        totals = torch.stack(list(self._sums.values())).tolist()
        return {key: (total, self._counts[key]) for key, total in zip(self._sums, totals, strict=True)}

    def restore(self, state: Mapping[str, Sequence[float]], device: torch.device) -> None:
        """The inverse of `state`."""
        self._sums = {key: torch.tensor(total, device=device) for key, (total, _) in state.items()}
        self._counts = {key: int(count) for key, (_, count) in state.items()}
