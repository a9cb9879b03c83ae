"""A dataset that keeps the whole contract."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from ganzoo.dataset import Dataset, Domain
from ganzoo.settings import Settings
from ganzoo.task import GazeTask


class HonestConfig(Settings):
    count: int = Field(12, ge=4, description="Images of each part.")


class Honest(Dataset):
    name = "honest"
    summary = "Noise with labels."
    homepage = "https://example.org"
    license = "CC0"
    Config = HonestConfig
    task = GazeTask()

    def part(self, name, number):
        random = np.random.default_rng(number)
        images = random.integers(0, 255, (self.config.count, 1, 8, 12), dtype=np.uint8)
        labels = random.uniform(-0.3, 0.3, (len(images), 2)).astype(np.float32)
        groups = np.arange(len(images), dtype=np.int64) % 3 + 3 * number
        return Domain(name, images, labels, groups, {"pupil": labels * np.nan})

    def source(self):
        return self.part("source", 0)

    def source_test(self):
        return self.part("source_test", 1)

    def target(self):
        return self.part("target", 2)

    def target_test(self):
        return self.part("target_test", 3)
