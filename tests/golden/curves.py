"""Loss curves on the kit's toy data: the numbers that a refactoring must not move."""

from __future__ import annotations

from pathlib import Path

import torch

from ganzoo.method import Method
from ganzoo.testing import toy

FOLDER = Path(__file__).parent
STEPS = 12


def curve(cls: type[Method]) -> list[dict[str, float]]:
    """The loss terms of each step, on one CPU thread in float32, with the default settings and seed 0."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several threads add in another order, which adversarial training soon blows up
    try:
        return [dict(means) for means in toy.train(toy.hurried(cls), steps=STEPS)]
    finally:
        torch.set_num_threads(threads)
